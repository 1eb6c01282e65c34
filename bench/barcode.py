"""A test picture that says when it was made: paced raw frames with the wall clock as a barcode, for an
encoder's stdin.

The top ninth is 40 blocks: 32 bits of epoch milliseconds (modulo 2³²) and 8 bits of checksum (xor of the
four bytes). A page reads them back from a canvas, so glass-to-glass latency is one subtraction on one
clock, without fonts or OCR.

    python -m bench.barcode [--size 640x360] [--rate 30] [--seconds 60] > frames.yuv
"""

import argparse
import sys
import time

BLOCKS = 40
DARK, LIGHT = 16, 235

# Evaluated in the page: installs window.__frames, a list of [epoch ms at presentation, epoch ms in the
# picture].
READER_JS = """
(selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement('canvas');
  canvas.width = 160; canvas.height = 8;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  window.__frames = []; window.__undecodable = 0; window.__waits = [];
  video.addEventListener('waiting', () => window.__waits.push(Date.now()));
  const read = () => {
    const now = Date.now();
    context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 9, 0, 0, 160, 8);
    const pixels = context.getImageData(0, 4, 160, 1).data;
    const bits = [];
    for (let block = 0; block < 40; block++) bits.push(pixels[(block * 4 + 2) * 4] > 128 ? 1 : 0);
    const bytes = [0, 8, 16, 24, 32].map(at => bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0));
    if ((bytes[0] ^ bytes[1] ^ bytes[2] ^ bytes[3]) !== bytes[4]) window.__undecodable++;
    else {
      const low = bytes[0] * 2 ** 24 + bytes[1] * 2 ** 16 + bytes[2] * 2 ** 8 + bytes[3];
      window.__frames.push([now, Math.floor(now / 2 ** 32) * 2 ** 32 + low]);
    }
    video.requestVideoFrameCallback(read);
  };
  video.requestVideoFrameCallback(read);
}
"""


def frame(width: int, height: int, moment_ms: int, number: int) -> bytes:
    """One yuv420p picture: the barcode above a pattern that moves, so that an encoder has work to do."""
    stamp = (moment_ms % 2**32).to_bytes(4, "big")
    bits = int.from_bytes(stamp + bytes([stamp[0] ^ stamp[1] ^ stamp[2] ^ stamp[3]]), "big")
    block = width // BLOCKS
    code = b"".join(
        (bytes([LIGHT]) if bits >> (BLOCKS - 1 - place) & 1 else bytes([DARK])) * block
        for place in range(BLOCKS)
    )
    code_line = code.ljust(width, bytes([DARK]))
    ramp = bytes(64 + (x * 128 // width) for x in range(width))
    rows = height // 9
    luma = [code_line] * rows
    shift = number * 4 % width
    moved = ramp[shift:] + ramp[:shift]
    luma += [moved] * (height - rows)
    chroma = bytes([128]) * (width * height // 2)
    return b"".join(luma) + chroma


def read_code(grey: bytes, width: int, height: int) -> int | None:
    """The milliseconds (modulo 2³²) in a grey picture; None when the checksum says that it is another one."""
    row = height // 18
    bits = [grey[row * width + int((block + 0.5) * width / BLOCKS)] > 128 for block in range(BLOCKS)]
    value = sum(bit << (BLOCKS - 1 - place) for place, bit in enumerate(bits))
    *stamp, check = value.to_bytes(5, "big")
    return int.from_bytes(bytes(stamp), "big") if stamp[0] ^ stamp[1] ^ stamp[2] ^ stamp[3] == check else None


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", default="640x360")
    options.add_argument("--rate", type=int, default=30)
    options.add_argument("--seconds", type=float, default=3600)
    given = options.parse_args()
    width, height = map(int, given.size.split("x"))
    began = time.monotonic()
    number = 0
    try:
        while number < given.seconds * given.rate:
            wait = began + number / given.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sys.stdout.buffer.write(frame(width, height, time.time_ns() // 1_000_000, number))
            sys.stdout.buffer.flush()
            number += 1
    except (BrokenPipeError, KeyboardInterrupt):
        pass


if __name__ == "__main__":
    main()
