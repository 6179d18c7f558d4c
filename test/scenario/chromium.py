# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window."""
import os
import signal

import program

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--ignore-certificate-errors")


class Chromium(program.Program):
    """Opens an address. Once the page is loaded it writes the document as it is then and ends; with `stays` it stays there."""

    def __init__(self, stage, address, stays=False):
        options = [*OPTIONS, f"--user-data-dir={stage.folder / 'chromium'}", *([] if stays else ["--dump-dom"])]
        super().__init__(["chromium", *options, address], "chromium")
        stage.add(self)

    def kill(self):
        """With all its helpers: they are of the session that was made for it."""
        if self.is_running():
            os.killpg(self.pid, signal.SIGKILL)
        self.wait_end()

    def expect_text(self, text, within=80):
        assert self.wait_line(lambda line: text in line, within=within), f"{text!r} is not in the page:\n{self.tail()}"
