"""What the rows of the old Kerases are made of. It runs on Python 3.6, too, where these Kerases run."""

from collections import namedtuple

import numpy as np

BATCH = 2
TIME = 7


def values(shape, seed=0):
    """Numbers between -2 and 2 that every machine makes alike; none of them is 0."""
    n = int(np.prod(shape))
    return (((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504.5) / 252).reshape(shape).astype(np.float32)


def padding(n, time=TIME):
    """Which steps count: at the end, in front, in the middle, none, all, then without order."""
    first = ["1110000", "0001111", "1100011", "0000000", "1111111", "0101010", "1000000", "0000001"]
    return np.array([[c == "1" for c in line] for line in first])[:n, :time]


class Feed(namedtuple("Feed", "shape kind batch")):
    """An input: its shape without the batch, and what is in it: "values"; "padded", zeros where a step does not count;
    "tokens", integers, 0 where a step does not count."""

    __slots__ = ()

    def array(self, seed):
        shape = (self.batch, *(TIME if size is None else size for size in self.shape))
        if self.kind == "values":
            return values(shape, seed)
        counts = padding(*shape[:2])
        if self.kind == "tokens":
            return (1 + np.arange(counts.size).reshape(counts.shape) * 5 % 10) * counts.astype(np.int32)
        return values(shape, seed) * counts.reshape(counts.shape + (1,) * (len(shape) - 2)).astype(np.float32)


# build(L, *inputs) gives the outputs, `L` being keras.layers and what a model is made of; with `whole` it is called
# without inputs and gives the model.
Row = namedtuple("Row", "name feeds build whole")


def feed(*shape, **more):
    return Feed(shape, more.get("kind", "values"), more.get("batch", BATCH))


PADDED = feed(TIME, 5, kind="padded", batch=8)
TOKENS = feed(TIME, kind="tokens", batch=8)


class Table(list):
    def row(self, name, feeds, build, whole=False):
        self.append(Row(name, feeds if isinstance(feeds, list) else [feeds], build, whole))

    def one(self, name, shape, class_name, *args, **options):
        """A single layer."""
        self.row(name, feed(*shape), lambda L, x: getattr(L, class_name)(*args, **options)(x))

    def masked(self, name, between):
        """A layer that hands a mask on, or not, to a recurrent one."""
        self.row("mask_" + name, TOKENS, lambda L, x: L.SimpleRNN(3)(between(L, L.Embedding(11, 4, mask_zero=True)(x))))

    def wrapped(self, name, shape, build):
        """A layer in a TimeDistributed."""
        self.row("time_distributed_" + name, feed(*shape), lambda L, x: L.TimeDistributed(build(L))(x))

    def names(self):
        return {row.name: row for row in self}


# --- models that all of them make in the same words -----------------------------------------------------------------


def nested_sequentials(L):
    inner = L.Sequential([L.Dense(4, input_dim=5, activation="relu"), L.Dropout(0.5), L.Dense(3)])
    deeper = L.Sequential([inner, L.Activation("tanh")])
    return L.Sequential([deeper, L.Dense(2), L.Sequential([L.Dense(4, input_dim=2)])])


def compiled(L):
    model = L.Sequential([L.Dense(4, input_dim=5), L.BatchNormalization(), L.Dense(2, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(values((3, 5)), values((3, 2)))
    return model
