"""Writes hashes.npz: what TensorFlow hashes texts to. `python tests/golden/hashes/make.py`, where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

BUCKETS = (1 << 31) - 1
KEY = (7, 1 << 40)


def main() -> None:
    random = np.random.default_rng(0)
    texts = ["".join(map(chr, random.integers(33, 127, n))) for n in range(300)]
    texts += ["".join(map(chr, random.integers(33, 3000, n))) for n in range(1, 90, 4)]
    np.savez_compressed(
        Path(__file__).parent / "hashes.npz",
        texts=np.array(texts),
        buckets=BUCKETS,
        key=KEY,
        farm=tf.strings.to_hash_bucket_fast(texts, BUCKETS).numpy(),
        sip=tf.strings.to_hash_bucket_strong(texts, BUCKETS, list(KEY)).numpy(),
    )


if __name__ == "__main__":
    main()
