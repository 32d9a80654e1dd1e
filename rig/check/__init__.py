"""What `rig check` finds: mistakes in descriptions, what would run, the most it would command.

Reads files and touches no bench. A plan that would command more than bench or profile allow is
refused here, naming the step; the bench checks each command again before it sends it.
"""

from rig.check.files import check
from rig.check.own_case import checked_case
from rig.check.report import Report

__all__ = ["Report", "check", "checked_case"]
