"""Data sets whose truth is known, for coverage.py: simulated, and of real learners on made data."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.pool import Pool
from jobs.vote.rules import VoteRules

CLASSES = 4
BEST = VoteRules()
# Of a fold model: how its skill differs, and how much of what it says of a clip is its own.
FOLD_EFFECT, FOLD_NOISE = 0.1, 0.2
HIDDEN_TEST = 20_000

Reals = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cell:
    """One kind of data set.

    Attributes:
        runs, checkpoints: how many, of each run.
        alike: the correlation of checkpoints of one run on a clip, beside its difficulty.
        validation, test: clips.
        groups: of the validation clips; None for none. The test has others, as large.
        together: intraclass correlation of being right.
        rule: of the vote.
        folds: of a cross-validation, whose models' mean is tested; None for one split.
        halving: of how many runs one goes on at each of two rungs; None for all.
        learners: whether these are real ones, of scikit-learn, and the test is of 20,000.
    """

    name: str
    runs: int = 20
    checkpoints: int = 5
    alike: float = 0.8
    validation: int = 300
    test: int = 300
    groups: int | None = None
    together: float = 0.0
    rule: VoteRules = BEST
    folds: int | None = None
    halving: int | None = None
    learners: bool = False


def made(cell: Cell, rng: np.random.Generator) -> tuple[Pool, npt.NDArray[np.float32]]:
    """Return the pool of a data set, and what its models say of the test clips.

    Test labels are all 0, and so are validation labels: classes are exchangeable here.
    """
    clips = cell.validation + cell.test
    size = cell.validation // cell.groups if cell.groups else 1
    groups = np.arange(clips) // size
    # On the scale of a probit: what is added to a clip's margin.
    of_group = np.sqrt(cell.together * 2) * rng.standard_normal(groups.max() + 1)
    difficulty = of_group[groups] + 1.0 * rng.standard_normal(clips)
    skill = 1.0 + 0.15 * rng.standard_normal(cell.runs)
    of_run = np.sqrt(cell.alike) * rng.standard_normal((cell.runs, 1, clips))
    of_checkpoint = np.sqrt(1 - cell.alike) * rng.standard_normal(
        (cell.runs, cell.checkpoints, clips)
    )
    runs = np.arange(cell.runs)
    if cell.halving:
        runs = halved(cell, skill, difficulty, of_run[:, 0], rng)
        skill, of_run, of_checkpoint = skill[runs], of_run[runs], of_checkpoint[runs]
    margin = (skill[:, None, None] + difficulty + of_run + of_checkpoint).reshape(-1, clips)
    confused = rng.integers(1, CLASSES, clips)
    said = said_of(margin, confused)
    if cell.folds:
        said = with_folds(margin, confused, groups[: cell.validation], cell, rng)
    count = len(runs) * cell.checkpoints
    pool = Pool(
        entries=np.repeat(runs, cell.checkpoints),
        epochs=np.tile(np.arange(cell.checkpoints), len(runs)),
        keep=np.full(count, 5),
        labels=np.zeros(cell.validation, np.int64),
        said=said[:, : cell.validation],
        groups=groups[: cell.validation],
    )
    return pool, said[:, cell.validation :]


def halved(
    cell: Cell, skill: Reals, difficulty: Reals, of_run: Reals, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the runs that are left after two rungs, ranked on the validation clips.

    A run that is not trained to its end is worse, is right on other clips in part, and is not yet
    what it will be: the nearer its end, the less so.

    Args:
        cell: with halving.
        skill: float64 [runs], at their end.
        difficulty: float64 [clips].
        of_run: float64 [runs, clips].
        rng: for what is particular to a rung.
    """
    assert cell.halving is not None
    left = np.arange(len(skill))
    for unfinished in (0.5, 0.25):
        known = skill[left] - unfinished + 0.15 * unfinished * rng.standard_normal(len(left))
        shape = (len(left), cell.validation)
        own = np.sqrt(unfinished) * rng.standard_normal(shape)
        common = np.sqrt(1 - unfinished) * of_run[left, : cell.validation]
        right = (known[:, None] + difficulty[: cell.validation] + common + own) > 0
        places = -(-len(left) // cell.halving)
        left = left[np.argsort(-right.mean(axis=1), kind="stable")[:places]]
    return np.sort(left)


def said_of(margin: Reals, confused: npt.NDArray[np.int64]) -> Probabilities:
    """Return probabilities: the true class against one that is confused with it.

    Args:
        margin: float64 [models, clips].
        confused: int64 [clips], the other class.
    """
    said = np.full((*margin.shape, CLASSES), 0.01)
    sure = 0.98 / (1 + np.exp(-margin))
    said[:, :, 0] = sure
    said[:, np.arange(margin.shape[1]), confused] = 0.98 - sure
    return said.astype(np.float32)


def with_folds(
    margin: Reals,
    confused: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    cell: Cell,
    rng: np.random.Generator,
) -> Probabilities:
    """Let each validation clip be judged by one fold model, and each test clip by their mean.

    Args:
        margin: float64 [models, clips], validation clips first.
        confused: int64 [clips].
        groups: int64 [validation clips], which folds keep whole.
        cell: with folds.
        rng: for what is particular to fold models.
    """
    assert cell.folds is not None
    clips = margin.shape[1]
    shape = cell.folds, cell.runs, 1
    effect = FOLD_EFFECT * rng.standard_normal(shape)
    own = np.sqrt(FOLD_NOISE) * rng.standard_normal((cell.folds, cell.runs, clips))
    of_fold = np.repeat(effect + own, cell.checkpoints, axis=1)
    by_fold = np.stack([said_of(margin + added, confused) for added in of_fold])
    fold = groups % cell.folds
    found = by_fold.mean(axis=0, dtype=np.float64).astype(np.float32)
    for number in range(cell.folds):
        here = np.flatnonzero(fold == number)
        found[:, here] = by_fold[number][:, here]
    return found


def learned(cell: Cell, rng: np.random.Generator) -> tuple[Pool, Probabilities, Reals]:
    """Return a pool of real learners, what they say of a hidden test, and its labels."""
    from sklearn.datasets import make_classification
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    training = 2 * cell.validation
    x, y = make_classification(
        training + cell.validation + HIDDEN_TEST, n_features=30, n_informative=8, n_redundant=6,
        n_classes=CLASSES, class_sep=0.9, flip_y=0.05, random_state=int(rng.integers(2**31)),
    )  # fmt: skip
    learners = [
        *(LogisticRegression(C=c, max_iter=200) for c in np.geomspace(1e-3, 10, 8)),
        *(KNeighborsClassifier(n) for n in (1, 3, 5, 9, 15, 25, 41)),
        *(ExtraTreesClassifier(20, min_samples_leaf=n, random_state=n) for n in (1, 2, 4, 8, 16)),
        *(LinearDiscriminantAnalysis("lsqr", shrinkage=s) for s in (0.01, 0.1, 0.5, 0.9)),
        GaussianNB(),
    ]
    rest = slice(training, None)
    said = np.stack([
        learner.fit(x[:training], y[:training]).predict_proba(x[rest]) for learner in learners
    ]).astype(np.float32)  # fmt: skip
    count, validation = len(learners), cell.validation
    pool = Pool(
        entries=np.arange(count),
        epochs=np.zeros(count, np.int64),
        keep=np.ones(count, np.int64),
        labels=y[training : training + validation].astype(np.int64),
        said=said[:, :validation],
        groups=np.arange(validation),
    )
    return pool, said[:, validation:], y[training + validation :]
