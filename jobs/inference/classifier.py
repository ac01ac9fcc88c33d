"""An ensemble as a thing that classifies: its voters, how they are combined, what they say."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet
from jobs.models.model import Fitted
from jobs.progress import Progress
from jobs.schema import fingerprint
from jobs.train.config import RunConfig
from jobs.vote.tally import mean_of_folds

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """One model of a voter.

    Attributes:
        name: of its files: letters, digits and hyphens.
        weights: hash of the file of its weights.
        config: of its run.
        load: reads its weights, given a device.
    """

    name: str
    weights: str
    config: RunConfig
    load: Callable[[str], Fitted]


@dataclass(frozen=True)
class Voter:
    """Who votes: a model, or the mean of one of each fold.

    Attributes:
        title: as in votes.csv.
        times: how many votes it has.
        members: its models.
    """

    title: str
    times: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Classifier:
    """All voters.

    Attributes:
        classes: labels by class index, as the training data had them.
        class_names: what labels are called, of those that are called anything.
        combine: the rule that makes one answer of the votes.
        temperature: by which confidence is calibrated.
        voters: best first.
    """

    classes: tuple[str, ...]
    class_names: Mapping[str, str]
    combine: str
    temperature: float
    voters: tuple[Voter, ...]

    @property
    def members(self) -> list[Member]:
        return [member for voter in self.voters for member in voter.members]

    @property
    def fingerprint(self) -> str:
        """Changes with any answer that it gives: who votes, with which weights, and how."""
        voters = [[v.title, v.times, [m.weights for m in v.members]] for v in self.voters]
        configs = [member.config.settings() for member in self.members]
        names = sorted(self.class_names.items())
        rule = [self.classes, names, self.combine, self.temperature]
        return fingerprint([rule, voters, json.loads(json.dumps(configs, default=str))])

    @property
    def features(self) -> list[FeatureConfig]:
        """The feature sets that are needed, each once."""
        return list(dict.fromkeys(member.config.features for member in self.members))

    @property
    def seconds(self) -> float:
        """How much of a recording the voters hear; where they differ, the longest."""
        return max(config.seconds for config in self.features)

    def said(self, features: Mapping[FeatureConfig, FeatureSet]) -> Probabilities:
        """Return what each vote says of each clip, as in a launch, bit by bit.

        Args:
            features: over the same clips, for each of `features`.

        Returns:
            float32 [votes, clips, classes]; NaN where a voter cannot read a clip. Who votes twice
            is there twice.
        """
        progress = Progress("predict", len(self.members), "models")
        found = [
            _said_by(member, features[member.config.features])
            for member in progress.over(self.members)
        ]
        return self.votes_of(found)

    def votes_of(self, said: Sequence[Probabilities]) -> Probabilities:
        """Return what each vote says, float32 [votes, clips, classes].

        Args:
            said: what each of `members` says, float32 [clips, classes].
        """
        left = list(said)
        votes: list[Probabilities] = []
        for voter in self.voters:
            of_folds, left = left[: len(voter.members)], left[len(voter.members) :]
            votes += [mean_of_folds(of_folds)] * voter.times
        return np.stack(votes)


def _said_by(member: Member, features: FeatureSet) -> Probabilities:
    from threadpoolctl import threadpool_limits

    from jobs.train.compute.device import prepare_device

    # Another number of threads rounds sums differently.
    threads = member.config.threads
    model = member.load(prepare_device(threads))
    found = np.full((len(features), len(model.classes)), np.nan, np.float32)
    readable = np.array(features.readable(range(len(features))), dtype=np.int64)
    with threadpool_limits(threads):
        for offsets, block in features.blocks(readable.tolist()):
            found[readable[offsets]] = model.predict_proba(block)
    return found
