"""A network that has learned: what it says about clips, and the file that holds it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from jobs.errors import DamagedFileError
from jobs.files import write_bytes
from jobs.models.archive import from_file, to_bytes
from jobs.models.model import EVALUATION_BATCH, Fitted, Floats, Tensors
from jobs.models.net import Net
from jobs.models.normalise import NORMALISATION, as_image, mean_and_deviation, normalised


class FittedNet(Fitted):
    """A torch module with the settings that it was built from.

    Args:
        settings: of the network.
        module: with its weights, on `device`.
        classes: labels by class index.
        shape: of one clip's features.
        device: where it predicts.
    """

    def __init__(
        self,
        settings: Net,
        module: nn.Module,
        classes: Sequence[str],
        shape: Sequence[int],
        device: str,
    ) -> None:
        self.settings, self.module, self.device = settings, module, device
        self.classes, self.shape = tuple(classes), tuple(shape)

    def probabilities(self, batch: Floats) -> Floats:
        result: Floats = batch_logits(self.module, self._seen(batch)).softmax(dim=1).cpu().numpy()
        return result

    def embedding(self, features: Floats) -> Floats:
        """Return what the last linear layer sees of each clip, in batches as `predict_proba`.

        Args:
            features: float32 [clips, *shape], as they were extracted.

        Returns:
            float32 [clips, width].
        """
        head = self.module.get_submodule("head")
        assert isinstance(head, nn.Linear)
        return self._in_batches(features, self._embedded, head.in_features)

    @torch.inference_mode()
    def _embedded(self, batch: Floats) -> Floats:
        self.module.eval()
        result: Floats = self.module.embed(self._seen(batch)).cpu().numpy()  # type: ignore[operator]
        return result

    def _seen(self, batch: Floats) -> Tensor:
        """Return a batch as the network sees it, on its device."""
        numbers = (torch.from_numpy(n).to(self.device) for n in mean_and_deviation(batch))
        return normalised(torch.from_numpy(as_image(batch)).to(self.device), *numbers)

    def save(self, path: Path) -> None:
        content = {
            "model": {"name": self.settings.name} | self.settings.model_dump(),
            "weights": {n: t.detach().cpu() for n, t in self.module.state_dict().items()},
            "classes": list(self.classes),
            "normalisation": NORMALISATION,
        }
        write_bytes(path, to_bytes(content))

    @classmethod
    def load(
        cls,
        settings: Net,
        path: Path,
        classes: Sequence[str],
        shape: Sequence[int],
        device: str,
    ) -> Self:
        """Read what `save` wrote; see `jobs.models.model.Model.load`."""
        content = from_file(path)
        try:
            return cls._with_weights(settings, content["weights"], classes, shape, device)
        except (KeyError, RuntimeError) as error:
            raise DamagedFileError(f"{path} holds another model: {error}") from error

    def tensors(self) -> Tensors:
        weights = self.module.state_dict()
        return {name: t.detach().cpu().contiguous().numpy() for name, t in weights.items()}

    @classmethod
    def of_tensors(
        cls,
        settings: Net,
        tensors: Tensors,
        classes: Sequence[str],
        shape: Sequence[int],
        device: str,
    ) -> Self:
        """Make it of what `tensors` returned; see `jobs.models.model.Model.of_tensors`."""
        weights = {name: torch.from_numpy(values.copy()) for name, values in tensors.items()}
        try:
            return cls._with_weights(settings, weights, classes, shape, device)
        except RuntimeError as error:
            raise DamagedFileError(f"these are weights of another model: {error}") from error

    @classmethod
    def _with_weights(
        cls,
        settings: Net,
        weights: dict[str, Tensor],
        classes: Sequence[str],
        shape: Sequence[int],
        device: str,
    ) -> Self:
        bands, *frames = shape
        module = settings.build_for(len(classes), (bands, frames[0] if frames else 1))
        module.load_state_dict(weights)
        # As in training on a CPU: another order in memory rounds sums differently.
        module = module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(settings, module, classes, shape, device)


@torch.inference_mode()
def batch_logits(module: nn.Module, x: Tensor) -> Tensor:
    """Return float32 logits [clips, classes] of at most EVALUATION_BATCH clips.

    Filled up with zeros to that many, whose logits are cut off again: in evaluation mode no clip
    sees another, and each gets the same bits in any company.

    Args:
        module: a network; put into evaluation mode.
        x: float32 [clips, 1, bands, frames], normalised.
    """
    module.eval()
    missing = EVALUATION_BATCH - len(x)
    if missing:
        x = torch.cat([x, x.new_zeros(missing, *x.shape[1:])])
    logits: Tensor = module(x)
    return logits[: EVALUATION_BATCH - missing].float()


def all_logits(module: nn.Module, batches: Iterable[Tensor]) -> Tensor:
    """Return float32 logits [clips, classes] of batches of at most EVALUATION_BATCH clips."""
    return torch.cat([batch_logits(module, x) for x in batches])
