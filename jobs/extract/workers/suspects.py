"""Which clip is to blame when workers die or stall, and which was only nearby."""

import collections
import logging

from jobs.extract.clip_features import ClipFeatures
from jobs.extract.workers.request import WorkRequest
from jobs.extract.workers.worker_process import Cause

log = logging.getLogger(__name__)

TRIED_ALONE, AT_MOST = 2, 4


class Suspects:
    """The clips of batches that failed, until they are done or blamed.

    A crash is the clip's fault if it happens again when the clip is alone. What may come from
    outside (a kill, as by the kernel when memory is short; a file that is not read in time) is the
    clip's if it happens twice when it is alone, and another clip could be worked on in between:
    else the machine or the file server is to blame, and no clip is put in quarantine for that.
    """

    def __init__(self) -> None:
        self._alone: collections.Counter[int] = collections.Counter()
        self._others_done: set[int] = set()
        self._done: int | None = None

    def done(self, batch: range) -> None:
        """Note that these clips were worked on well."""
        self._done = batch[-1]
        self._others_done |= self._alone.keys() - set(batch)

    def tried_again_after(self, batch: range, cause: Cause) -> list[int]:
        """Return the clips to try next, each alone, after a batch failed; none for a verdict."""
        number = batch[0]
        if number == self._done:
            return []  # the witness fails as well
        if number not in self._alone:
            log.warning("%s; tried again alone: %d clips", cause.sentence, len(batch))
            self._alone.update(dict.fromkeys(batch, 0))
            return list(batch)
        self._alone[number] += 1
        if cause.blames != "perhaps the clip":
            return []
        tried, witness = self._alone[number], self._witness_beside(number)
        if tried >= TRIED_ALONE and (number in self._others_done or witness is None):
            return []
        if tried == 1:  # what others did before says nothing of a server that is silent now
            self._others_done.discard(number)
        if witness is None:
            return [number]
        return [witness, number] if tried < AT_MOST else []

    def _witness_beside(self, number: int) -> int | None:
        """Return a clip that shows whether any can be worked on: one done before, or likely to."""
        if self._done is not None:
            return self._done
        others = [clip for clip in self._alone if clip != number]
        return min(others, key=self._alone.__getitem__, default=None)

    def verdict(self, number: int, request: WorkRequest, cause: Cause) -> ClipFeatures:
        """Return the record of a clip that is to blame.

        Raises:
            OSError: it is not: something outside is.
        """
        others_done = number in self._others_done
        if cause.blames == "something else" or (cause.blames != "the clip" and not others_done):
            raise OSError(f"{request.path}: {cause.sentence}")
        log.warning("%s: %s", request.path, cause.sentence)
        # Without a hash: another version of the decoder, or more memory, may do better.
        return ClipFeatures.without(len(request.wanted), cause.sentence)
