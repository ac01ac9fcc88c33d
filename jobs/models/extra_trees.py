"""Extremely randomised trees: Geurts, Ernst & Wehenkel 2006. A baseline of seconds, without GPU.

scikit-learn's ExtraTreesClassifier, taken apart into arrays: no pickle, and each clip's
probabilities are the same bits in any company. Best on vectors (v3, v1pooled); on spectrograms a
split sees one band of one frame.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from jobs.errors import DamagedFileError
from jobs.models.model import Fitted, FittedArrays, Floats, Labels, OneShotModel, Tensors

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

# Nodes of a tree over some thousand clips, each with about four values, to plan space on disk.
USUAL_NODES = 500
# In `right`, of a node that splits no further.
LEAF = -1


class ExtraTrees(OneShotModel):
    """Fully grown trees, each over all clips, with thresholds drawn at random."""

    name: ClassVar[str] = "extra_trees"

    trees: int = Field(300, ge=1, le=10_000, description="how many trees vote")
    min_leaf: int = Field(1, ge=1, le=10_000, description="clips in a leaf, at least")

    def parameters(self, inputs: int) -> int:
        return 4 * USUAL_NODES * self.trees

    def fit(self, features: Floats, labels: Labels, classes: Sequence[str], seed: int) -> Fitted:
        from sklearn.ensemble import ExtraTreesClassifier

        # joblib's threads share the trees; each has a seed of its own, drawn beforehand.
        forest = ExtraTreesClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.min_leaf,
            random_state=seed,
        )
        forest.fit(features.reshape(len(features), -1), labels)
        return FittedTrees(_arrays(forest.estimators_), classes, features.shape[1:])

    def load(
        self, path: Path, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        return FittedTrees.load(path, classes, shape)

    def of_tensors(
        self, tensors: Tensors, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        trees = FittedTrees.of_tensors(tensors, classes, shape)
        trees.require_sound()
        return trees


def _arrays(trees: "Sequence[DecisionTreeClassifier]") -> dict[str, np.ndarray]:
    """Return all trees' nodes, one after the other; of leaves alone the shares of the classes."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in FittedTrees.names}
    nodes = leaves = 0
    for each in trees:
        tree = each.tree_
        is_leaf = tree.children_left == LEAF
        # scikit-learn numbers depth first: the left child is always the next node.
        assert (tree.children_left[~is_leaf] == np.flatnonzero(~is_leaf) + 1).all()
        # Of a leaf `column` says which row of `shares` is its own.
        column = np.where(is_leaf, leaves + np.cumsum(is_leaf) - 1, tree.feature)
        parts["roots"].append(np.array([nodes]))
        parts["column"].append(column)
        parts["threshold"].append(tree.threshold)
        parts["right"].append(np.where(is_leaf, LEAF, nodes + tree.children_right))
        shares = tree.value[is_leaf, 0]
        parts["shares"].append(shares / shares.sum(axis=1, keepdims=True))
        nodes += len(column)
        leaves += int(is_leaf.sum())
    kinds = {"threshold": np.float64, "shares": np.float32}
    return {
        name: np.concatenate(values).astype(kinds.get(name, np.int32))
        for name, values in parts.items()
    }


class FittedTrees(FittedArrays):
    """Of each node the column it looks at, its threshold and its right child; shares of leaves.

    `roots` int32 [trees], `column` int32, `threshold` float64 and `right` int32 [nodes], `shares`
    float32 [leaves, classes]. A clip goes left, to the next node, where its value is at most the
    threshold.
    """

    names: ClassVar[tuple[str, ...]] = ("roots", "column", "threshold", "right", "shares")

    def require_sound(self) -> None:
        """Refuse arrays of a stranger that are no trees over these columns and classes.

        Raises:
            DamagedFileError: an index leads elsewhere, or back, where it would go round for ever.
        """
        right, column = self.arrays["right"], self.arrays["column"]
        nodes, leaf = np.arange(len(right)), right == LEAF
        columns = int(np.prod(self.shape))
        shares, roots = self.arrays["shares"], self.arrays["roots"]
        fits = (
            len(column) == len(right) == len(self.arrays["threshold"]) > 0
            and shares.shape == (int(leaf.sum()), len(self.classes))
            and bool(((right > nodes + 1) | leaf).all() and (right < len(right)).all())
            and bool(((roots >= 0) & (roots < len(right))).all() and len(roots) > 0)
            and bool((column >= 0).all() and (column[leaf] < len(shares)).all())
            and bool((column[~leaf] < columns).all() and leaf[-1])
        )
        if not fits:
            raise DamagedFileError("these arrays are no trees over these features and classes")

    def probabilities(self, batch: Floats) -> Floats:
        column, threshold, right = (self.arrays[n] for n in ("column", "threshold", "right"))
        values = batch.reshape(len(batch), -1)
        clips = np.arange(len(batch))[:, None]
        node = np.broadcast_to(self.arrays["roots"], (len(batch), len(self.arrays["roots"])))
        while (splits := right[node] != LEAF).any():
            looked_at = np.where(splits, column[node], 0)
            below = values[clips, looked_at] <= threshold[node]
            node = np.where(splits, np.where(below, node + 1, right[node]), node)
        shares: Floats = self.arrays["shares"][column[node]].mean(axis=1, dtype=np.float64)
        return shares.astype(np.float32)
