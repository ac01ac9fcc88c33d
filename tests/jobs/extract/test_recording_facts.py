"""What a shard knows of each recording beside its features."""

from pathlib import Path

import numpy as np

from jobs.data.manifest import Manifest
from jobs.extract.audio.decode import decode
from jobs.extract.features.analysis import ClipAnalysis
from jobs.extract.store.shard import read_columns, read_features
from tests.jobs.extract.extracting import CONFIG, extract, extraction_of, index, shard_of


def test_a_shard_holds_the_facts_about_each_recording(manifest: Manifest, tmp_path: Path) -> None:
    features = index(manifest, tmp_path)
    facts, levels = features.facts(), features.band_levels()
    assert facts["position"].tolist() == list(range(len(manifest)))
    assert [digest.decode() for digest in facts["sha256"]] == [c.sha256 for c in manifest.clips]
    assert levels.shape == (40, 2, 64)
    for position in (0, 17, 39):
        samples, expected = decode(manifest.file_of(position), CONFIG)
        row = facts[position]
        assert row["codec"].decode() == expected.codec == "MP3/MPEG_LAYER_III"
        for name in expected.__dataclass_fields__.keys() - {"codec"}:
            assert row[name] == getattr(expected, name), name
        of_clip = ClipAnalysis(samples).band_levels(CONFIG)
        np.testing.assert_array_equal(levels[position], of_clip)


def test_the_facts_of_a_clip_are_kept_when_its_row_is_reused(
    manifest: Manifest, tmp_path: Path
) -> None:
    first = read_columns(extract(manifest, tmp_path)[0])
    again = read_columns(extract(manifest, tmp_path, shards=5)[0])
    assert again.facts(0) == first.facts(0)
    assert first.facts(0) is not None
    np.testing.assert_array_equal(again.band_levels[0], first.band_levels[0])


def test_a_known_row_that_is_damaged_is_computed_again(manifest: Manifest, tmp_path: Path) -> None:
    path = extract(manifest, tmp_path)[0]
    whole = bytearray(path.read_bytes())
    whole[whole.find(read_features(path)[0].tobytes()[:64]) + 5] ^= 1
    path.write_bytes(whole)
    fresh = tmp_path / "fresh"
    for root in (tmp_path, fresh):
        extraction_of(manifest, root, shards=5).extract(0, 1)
    again, expected = (shard_of(manifest, root, CONFIG, 5) for root in (tmp_path, fresh))
    assert again.read_bytes() == expected.read_bytes()
