"""A worker that is given librosa's tables computes the same and imports none of librosa."""

import subprocess
import sys

import numpy as np

from jobs.extract.config import FeatureConfig
from jobs.extract.features.blocks.librosa_tables import hann, mel_filters, tables_of

CHECKED = """
import pickle, sys
from jobs.extract.features.blocks.librosa_tables import use
from jobs.extract.workers.request import warm_up
configs, tables = pickle.load(sys.stdin.buffer)
use(tables)
warm_up(configs)
print(sorted({name.split(".")[0] for name in sys.modules} & {"librosa", "sklearn", "torch"}))
"""


def test_the_tables_are_librosas() -> None:
    import librosa

    tables = tables_of(FeatureConfig().mel_filters)
    assert set(tables) == {(22_050, 2048, 64), (2048,)}
    expected = librosa.filters.mel(sr=22_050, n_fft=2048, n_mels=64)
    np.testing.assert_array_equal(tables[22_050, 2048, 64], expected)
    np.testing.assert_array_equal(tables[2048,], librosa.filters.get_window("hann", 2048))
    assert mel_filters(22_050, 2048, 64).dtype == np.float32
    assert hann(2048).dtype == np.float64


def test_who_is_given_them_imports_no_librosa() -> None:
    import pickle

    for features in ("v1", "v2", "v3"):
        config = FeatureConfig.checked({"features": features}, "")
        sent = pickle.dumps(((config,), tables_of(config.mel_filters)))
        done = subprocess.run([sys.executable, "-c", CHECKED], input=sent, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode().strip() == "[]", features
