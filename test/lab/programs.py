# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian whose server dials back to its client, each tried as it comes: docs/programs.md has the outcomes."""
import programs_ftp  # noqa: F401
import programs_ident  # noqa: F401
import programs_objects  # noqa: F401
import programs_tools  # noqa: F401
from real_program import PROGRAMS  # noqa: F401
