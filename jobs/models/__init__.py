"""What can be fitted. A new model is one file with its settings, and one line of this table.

Importing this package imports neither torch nor scikit-learn: login nodes read settings.
"""

from jobs.models.cnn import Cnn
from jobs.models.densenet import DenseNet
from jobs.models.extra_trees import ExtraTrees
from jobs.models.inception import Inception
from jobs.models.logistic import Logistic
from jobs.models.mlp import Mlp
from jobs.models.model import Model
from jobs.models.resnet import ResNet
from jobs.models.wide_resnet import WideResNet

MODELS: dict[str, type[Model]] = {
    model.name: model
    for model in (ResNet, WideResNet, Cnn, Inception, DenseNet, Mlp, Logistic, ExtraTrees)
}
