"""siVAE: interpretable variational autoencoders, and a gene network for every cell line or donor.

Start with :class:`SIVAE`: fit, embed, predict, save and load on AnnData or h5ad files.
"""

from typing import TYPE_CHECKING

from panscape.lazy import attach

if TYPE_CHECKING:
    from panscape.sivae.job import ReadoutSettings as ReadoutSettings
    from panscape.sivae.lines import LineSettings as LineSettings
    from panscape.sivae.lines import plan_lines as plan_lines
    from panscape.sivae.model import SIVAE as SIVAE
    from panscape.sivae.settings import SivaeSettings as SivaeSettings
    from panscape.sivae.stage import train_job as train_job
    from panscape.sivae.values import ValueSettings as ValueSettings

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "LineSettings": "panscape.sivae.lines",
        "ReadoutSettings": "panscape.sivae.job",
        "SIVAE": "panscape.sivae.model",
        "SivaeSettings": "panscape.sivae.settings",
        "ValueSettings": "panscape.sivae.values",
        "plan_lines": "panscape.sivae.lines",
        "train_job": "panscape.sivae.stage",
    },
)
