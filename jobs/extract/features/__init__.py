"""The feature sets, one entry each. Adding one is a module beside v1.py and a name in this table.

Importing the table imports nothing heavy; what computes is imported when it computes.
"""

from jobs.extract.features.embedding import Embedding
from jobs.extract.features.kind import FeatureKind
from jobs.extract.features.v1 import LogMel
from jobs.extract.features.v1pooled import PooledLogMel
from jobs.extract.features.v2 import SixKinds
from jobs.extract.features.v3 import MeanOfSixKinds

KINDS = (LogMel(), SixKinds(), MeanOfSixKinds(), PooledLogMel(), Embedding())
FEATURE_SETS: dict[str, FeatureKind] = {kind.name: kind for kind in KINDS}
