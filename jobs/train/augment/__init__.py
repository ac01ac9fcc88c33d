"""Changes to training clips. A new one is one file, and one line of this table.

They are applied in this order. First those on the scale of the recording: a crop takes a part,
an equaliser colours it, mixing adds another. Then those on normalised features: shift, speed and
pitch move what is there; noise is added to that; mixup blends the results, and masks cover the
blend.
"""

from jobs.train.augment.augmentation import Augmentation
from jobs.train.augment.crop import TimeCrop
from jobs.train.augment.equaliser import Equaliser
from jobs.train.augment.mixing import Mixing
from jobs.train.augment.mixup import Mixup
from jobs.train.augment.noise import Noise
from jobs.train.augment.pitch import Pitch
from jobs.train.augment.spec_augment import SpecAugment
from jobs.train.augment.speed import Speed
from jobs.train.augment.time_shift import TimeShift

AUGMENTATIONS: tuple[type[Augmentation], ...] = (
    TimeCrop,
    Equaliser,
    Mixing,
    TimeShift,
    Speed,
    Pitch,
    Noise,
    Mixup,
    SpecAugment,
)
