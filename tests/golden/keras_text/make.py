"""Writes a classifier of reviews, made by real Keras 3, and a test set for it: reviews.csv and golden.npz.

    python tests/golden/keras_text/make.py        # where keras and tensorflow are installed

Three inputs: the review (TextVectorization, Embedding, LSTM), who wrote it (StringLookup), how many stars (a number).
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
GOOD = "wonderful moving funny brilliant charming gripping tender superb"
BAD = "boring awful clumsy endless dull pointless noisy flat"
FRAMES = (
    "A {0} film! | the cast is {0}, the plot {1}... | {0}; {1} and {0} again | I found it {0} -- simply {1}. | {1}\t{0}"
)
ODD = ["", "  \n", "WONDERFUL!!!", "Très boring; ÉTÉ", "日本 wonderful 👍", "awful\u2003dull", "don't-say 'boring'"]
AUTHORS = ["press", "user", "bot", "Ünal"]


def reviews() -> tuple[list[str], list[str], list[float], list[int]]:
    random = np.random.default_rng(7)
    texts, targets = [], []
    for i in range(93):
        words = (GOOD if i % 2 else BAD).split()
        frame = FRAMES.split(" | ")[i % 5]
        texts.append(frame.format(*random.choice(words, 2)))
        targets.append(i % 2)
    texts += ODD
    targets += [0, 0, 1, 0, 1, 0, 0]
    return texts, random.choice(AUTHORS, 100).tolist(), random.integers(1, 6, 100).astype(float).tolist(), targets


def main() -> None:
    keras.utils.set_random_seed(1)
    texts, authors, stars, targets = reviews()
    review = keras.Input((1,), dtype="string", name="review")
    author = keras.Input((1,), dtype="string", name="author")
    star = keras.Input((1,), name="stars")
    vectorize = keras.layers.TextVectorization(max_tokens=40, output_sequence_length=7, ngrams=2, name="words")
    vectorize.adapt(texts[:93])
    h = keras.layers.Embedding(40, 6, mask_zero=True, name="embedding")(vectorize(review))
    h = keras.layers.LSTM(5, name="lstm")(h)
    who = keras.layers.StringLookup(vocabulary=AUTHORS[:3], num_oov_indices=1, output_mode="one_hot", name="who")(
        author
    )
    who = keras.layers.Dense(2, activation="tanh", name="who_dense")(who)
    h = keras.layers.Concatenate(name="all")([h, who, keras.layers.Rescaling(0.2, name="fifth")(star)])
    model = keras.Model([review, author, star], keras.layers.Dense(1, activation="sigmoid", name="good")(h))
    feeds = [
        tf.constant([[t] for t in texts]),
        tf.constant([[a] for a in authors]),
        np.array(stars, "float32")[:, None],
    ]
    model.compile("adam", "binary_crossentropy")
    model.optimizer.learning_rate = 0.05
    model.fit(feeds, np.array(targets), epochs=12, batch_size=20, verbose=0)
    model = keras.Model(model.inputs, model.outputs)  # without the optimizer's state
    model.save(HERE / "reviews.keras")
    np.savez(HERE / "golden.npz", good=model.predict(feeds, verbose=0))
    with (HERE / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["review", "author", "stars", "target"])
        rows.writerows(zip(texts, authors, stars, targets, strict=True))


if __name__ == "__main__":
    main()
