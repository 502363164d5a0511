"""What lanes are made of: packing, arithmetic, the forms of a sample, Winograd's tiles."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interchange_pyscript.fast import bounds, lanes, planes, pointwise, winograd
from interchange_pyscript.kernels.tensor import Tensor

NUMBERS = st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=9)


def in_lanes(numbers: list[int]) -> int:
    return sum(number << 64 * i for i, number in enumerate(numbers))


def of_lanes(packed: int, count: int) -> list[int]:
    return list(lanes.numbers_in([packed], count)[0])


@given(NUMBERS)
def test_packed_and_unpacked(numbers):
    assert lanes.packed(array("q", numbers).tobytes()) == in_lanes(numbers)
    assert of_lanes(in_lanes(numbers), len(numbers)) == numbers


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.integers(-10, 30))
def test_floats_are_packed_to_the_nearest_integer(values, exponent):
    got = of_lanes(lanes.pack(values, exponent), len(values))
    assert all(abs(number - value * 2.0**exponent) <= 0.5 for number, value in zip(got, values, strict=True))


@given(NUMBERS, st.integers(-1, 70), st.data())
def test_arithmetic_in_lanes(numbers, bits, data):
    count, packed = len(numbers), in_lanes(numbers)
    others = data.draw(st.lists(st.integers(-(2**61), 2**61), min_size=count, max_size=count))
    assert of_lanes(lanes.relu([packed], count)[0], count) == [max(n, 0) for n in numbers]
    assert of_lanes(lanes.sizes_of([packed], count)[0], count) == [abs(n) for n in numbers]
    larger = lanes.larger([packed], [in_lanes(others)], count)[0]
    assert of_lanes(larger, count) == list(map(max, numbers, others))
    want = [n << 1 if bits < 0 else (n + (1 << bits >> 1)) >> bits for n in numbers]
    assert of_lanes(lanes.divided([packed], bits, count)[0], count) == ([0] * count if bits > 62 else want)
    for k in range(count):
        assert of_lanes(lanes.dropped(packed, k), count - k) == numbers[k:]
        assert lanes.first_of([packed], k + 1) == [in_lanes(numbers[: k + 1])]


@given(NUMBERS, st.integers(0, 5), st.data())
def test_sums_leave_room_for_the_next_look(numbers, apart, data):
    others = data.draw(st.lists(st.integers(-(2**61), 2**61), min_size=len(numbers), max_size=len(numbers)))
    shape = (1, 1, len(numbers))
    one = lanes.Lanes([in_lanes(numbers)], len(numbers), shape, 40, 61)
    other = lanes.Lanes([in_lanes(others)], len(numbers), shape, 40 + apart, 61)
    got = pointwise.sum_of(one, other)
    assert got.size <= 61
    for number, p, q in zip(of_lanes(got.ints[0], len(numbers)), numbers, others, strict=True):
        assert abs(number) <= 1 << got.size
        assert (
            abs(number - (p * 2.0**-40 + q * 2.0 ** -(40 + apart)) * 2.0**got.exponent) <= 1025
        )  # of a double's 2**62


@pytest.mark.parametrize("across", winograd.STEPS)
@pytest.mark.parametrize("down", winograd.STEPS)
def test_winograd_is_a_convolution(down, across):
    """Whole tiles and those at an edge, with the kernel of whole tiles."""
    (tile, tall), (other, wide) = down, across
    if tile != other:
        pytest.skip("one kernel has one size of whole tiles")
    rng = np.random.default_rng(tile)
    image, kernel = rng.integers(-99, 99, (tall + 2, wide + 2)), rng.integers(-9, 9, (3, 3))
    (rows, into, back), (columns, into_across, back_across) = winograd.STEPS[down], winograd.STEPS[across]
    u = bounds.transformed(kernel[:, :, None, None], tile).reshape(tile + 2, tile + 2) * 576
    inputs = winograd.in_two_dimensions(into, into_across, image.tolist())
    products = np.rint(u[np.ix_(rows, columns)]).astype(int) * np.array(inputs)
    want = [[int((image[y : y + 3, x : x + 3] * kernel).sum()) for x in range(wide)] for y in range(tall)]
    got = winograd.in_two_dimensions(back, back_across, products.tolist())
    assert [[value // 576 for value in row] for row in got] == want
    np.testing.assert_array_equal(inputs, bounds.INPUT[down] @ image @ bounds.INPUT[across].T)
    outputs = bounds.OUTPUT[down] @ products @ bounds.OUTPUT[across].T
    np.testing.assert_array_equal(got, outputs)


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 2, 3, 0), (3, 1, 0, 2)])
@pytest.mark.parametrize(("given", "wanted"), [(0, 1), (0, 3), (1, 4), (2, 4), (2, 2), (4, 2), (3, 2)])
def test_planes_in_other_phases(given, wanted, pads):
    """From pixels or from planes, with a border: every phase has its rows and columns, and zeros around."""
    image = np.random.default_rng(5).integers(-(2**40), 2**40, (11, 7, 3))
    x = lanes.Lanes([in_lanes(pixel) for row in image.tolist() for pixel in row], 3, image.shape, 5, 41)
    if given:
        x = planes.planes(x, given, (0, 0, 0, 0), 41, 99, True)
    y = planes.planes(x, wanted, pads, 41, 99, True)
    padded = np.pad(image, [(pads[0], pads[2]), (pads[1], pads[3]), (0, 0)])
    assert (y.shape, y.phases) == (padded.shape, wanted)
    for c in range(3):
        for i in range(wanted):
            for j in range(wanted):
                got = of_lanes(y.ints[(c * wanted + i) * wanted + j], y.count)
                want = padded[i::wanted, j::wanted, c]
                for k, row in enumerate(want.tolist()):
                    assert got[k * y.pitch : k * y.pitch + len(row)] == row
    np.testing.assert_array_equal(np.reshape(lanes.numbers_in_order(y), padded.shape), padded)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 2), (1, 2), (2, 2), (4, 1)])
def test_sums_of_samples_in_other_forms(one, other):
    images = np.random.default_rng(6).integers(-(2**40), 2**40, (2, 5, 7, 3))
    samples = []
    for image, phases in zip(images, (one, other), strict=True):
        x = lanes.Lanes([in_lanes(pixel) for row in image.tolist() for pixel in row], 3, image.shape, 5, 41)
        samples.append(lanes.as_planes(x, phases) if phases else x)
    y = pointwise.sum_of(*samples)
    assert (y.exponent, bool(y.phases)) == (5, bool(one and other))
    np.testing.assert_array_equal(np.reshape(lanes.numbers_in_order(y), y.shape), images.sum(0))


@given(st.integers(1, 5), st.integers(1, 4), st.data())
def test_rows_in_the_weights_file(count, rows, data):
    numbers = np.array(data.draw(st.lists(st.integers(-(2**61), 2**61), min_size=rows * count, max_size=rows * count)))
    numbers = numbers.reshape(rows, count)
    stored = bounds.packed_rows(numbers)
    got = lanes.lanes_of(Tensor(array("q", stored.ravel().tolist()), (rows, count)))
    assert [of_lanes(row, count) for row in got] == numbers.tolist()
