"""An encoder as a streamer has one: FFmpeg over real RTMP."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Publisher:
    """Publishes the barcode picture (moving, with the wall clock in it) and a tone."""

    def __init__(self, url: str, size: str = "640x360", audio: bool = True, seconds: int = 300) -> None:
        self._source = subprocess.Popen(
            [sys.executable, "-m", "bench.barcode", "--size", size, "--seconds", str(seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"] if audio else []
        sound = ["-c:a", "aac", "-b:a", "64k"] if audio else []
        self.process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", "30",
             "-use_wallclock_as_timestamps", "0", "-i", "pipe:0", *tone,
             "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-b:v", "800k", "-pix_fmt", "yuv420p",
             *sound, "-shortest", "-f", "flv", url],
            stdin=self._source.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._source.stdout is not None
        self._source.stdout.close()

    @property
    def sending(self) -> bool:
        return self.process.poll() is None

    def wait(self, seconds: float) -> int:
        return self.process.wait(seconds)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        for process in (self.process, self._source):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(how)
        for process in (self.process, self._source):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
