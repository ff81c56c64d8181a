"""Sums kept between fits: the same bits with and without, damaged files made again, room made for the newest."""

import errno
import os

import numpy as np
import pytest
from planted import SETTINGS, SPECIES

from alworkflows.descriptors import build
from alworkflows.errors import InputError
from alworkflows.frames import attach_labels, labels
from alworkflows.models import Fit
from alworkflows.models.batches import Batches, batch_hash
from alworkflows.models.linear.accumulate import accumulate
from alworkflows.models.linear.cache import Cache
from alworkflows.models.linear.rows import RowMaker
from alworkflows.settings import FitSettings


class Counted(RowMaker):
    """Count the frames that are turned into rows."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.count = 0

    def __call__(self, atoms):
        self.count += 1
        return super().__call__(atoms)


@pytest.fixture
def add(tmp_path):
    """Return a function that sums batches, telling how many frames were read and what was said."""
    cache = Cache(tmp_path)

    def _add(batches, cache=cache, key=None):
        maker, said = Counted(build(SETTINGS, SPECIES), FitSettings(quantities=("energy", "forces"))), []
        sums = accumulate(Batches(batches, "frames"), maker, lambda atoms: len(atoms) % 2, 2, said.append, cache, key or {})
        return sums, maker.count, said

    return _add


def same(first, second):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(first, second, strict=True) for name in vars(a))


def test_a_new_batch_adds_only_its_own_to_the_last_bit(labelled, add, tmp_path):
    batches = [labelled(4), labelled(3, first=10), labelled(2, first=20)]
    first, count, _ = add(batches[:2])
    assert count == 7
    grown, count, said = add(batches)
    assert count == 2
    assert any("sums of the first 2 of 3 batches are known" in line for line in said)
    fresh, count, _ = add(batches, cache=None)
    assert count == 9
    assert same(grown, fresh)
    assert not same(first, fresh)
    again, count, _ = add(batches)
    assert count == 0
    assert same(again, fresh)
    assert len(list(tmp_path.iterdir())) == 2


def test_other_settings_other_labels_and_other_weights_are_other_sums(labelled, add):
    batch = labelled(3)
    add([batch])
    assert add([batch], key={"seed": 2})[1] == 3
    changed = [attach_labels(frame, labels(frame).energy, labels(frame).forces + 0.1) for frame in batch]
    assert add([changed])[1] == 3
    heavier = [frame.copy() for frame in batch]
    for frame, original in zip(heavier, batch, strict=True):
        frame.calc, frame.info["weight"] = original.calc, 2.0
    assert len({batch_hash(frames) for frames in (batch, changed, heavier)}) == 3
    assert add([heavier])[1] == 3


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b""), lambda file: file.write_bytes(file.read_bytes()[:-999])])
def test_a_damaged_file_is_made_again_and_told(labelled, add, tmp_path, damage):
    batch = labelled(3)
    first, _, _ = add([batch])
    damage(next(tmp_path.iterdir()))
    again, count, said = add([batch])
    assert count == 3
    assert any("is damaged" in line for line in said)
    assert same(first, again)
    assert add([batch])[1] == 0


def test_a_flipped_bit_is_noticed(labelled, add, tmp_path):
    batch = labelled(3)
    first, _, _ = add([batch])
    file = next(tmp_path.iterdir())
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    again, count, _ = add([batch])
    assert count == 3
    assert same(first, again)


def rewritten(change):
    """Return what damages a file: it stays one of arrays, of which some were changed."""

    def damage(file):
        with np.load(file) as stored:
            arrays = dict(stored)
        change(arrays)
        with file.open("wb") as handle:
            np.savez(handle, **arrays)

    return damage


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda arrays: arrays.clear(), "holds sums of something else"),
        (lambda arrays: arrays.pop("key"), "holds sums of something else"),
        (lambda arrays: arrays.update(key=np.zeros(3)), "holds sums of something else"),
        (lambda arrays: arrays.pop("xx1"), "lacks 'xx1'"),
        (lambda arrays: arrays.update(xx0=arrays["xx0"][:-1]), "holds 'xx0' of another form"),
        (lambda arrays: arrays.update(xy=arrays["xy"][:, :-1]), "holds 'xy' of another form"),
        (lambda arrays: arrays.update(rows=np.array(["a", "b"])), "holds 'rows' of another form"),
        (lambda arrays: arrays.update(yy=np.array([np.nan, 1.0])), "holds numbers in 'yy' that are not finite"),
        (lambda arrays: arrays.update(xx0=np.full_like(arrays["xx0"], np.inf)), "holds numbers in 'xx0' that are not finite"),
    ],
)
def test_a_file_of_other_arrays_is_thrown_away_and_told(labelled, add, tmp_path, change, says):
    batch = labelled(3)
    first, _, _ = add([batch])
    rewritten(change)(next(tmp_path.iterdir()))
    again, count, said = add([batch])
    assert count == 3
    assert any(says in line for line in said)
    assert same(first, again)
    assert add([batch])[1] == 0


def test_a_file_under_the_name_of_another_is_not_believed(labelled, add, tmp_path):
    batch, other = labelled(3), labelled(3, first=10)
    first, _, _ = add([batch])
    file = next(tmp_path.iterdir())
    content = file.read_bytes()
    file.unlink()
    add([other])
    next(tmp_path.iterdir()).write_bytes(content)
    sums, count, said = add([other])
    assert count == 3
    assert any("holds sums of something else" in line for line in said)
    assert not same(first, sums)


def test_a_folder_in_the_place_of_a_file_is_no_harm(labelled, add, tmp_path):
    add([labelled(3)])
    file = next(tmp_path.iterdir())
    file.unlink()
    file.mkdir()
    (file / "a").write_text("")
    assert add([labelled(3)])[1] == 3


@pytest.mark.parametrize("done", [np.array([2]), np.array([-1]), np.array([0.0]), None])
def test_parts_of_groups_that_there_are_not_are_thrown_away(labelled, tmp_path, done):
    """A checkpoint says which groups of its last batch it holds."""
    cache, said, batches = Cache(tmp_path), [], Batches([labelled(4)], "frames")
    maker = Counted(build(SETTINGS, SPECIES), FitSettings(quantities=("energy", "forces")))
    expected = accumulate(batches, maker, lambda atoms: len(atoms) % 2, 2, said.append, cache, {})
    (file,) = tmp_path.iterdir()
    key = file.name.removesuffix(".sums.npz")
    arrays = {name: np.zeros_like(array) for name, array in cache.load(key, said.append).items()}
    cache.store(f"{key}-part", arrays | ({} if done is None else {"done": done}), said.append)
    file.unlink()
    found = accumulate(batches, maker, lambda atoms: len(atoms) % 2, 2, said.append, cache, {})
    assert same(expected, found)
    assert any("-part.sums.npz" in line and "'done'" in line for line in said)


def test_a_disk_that_fills_up_leaves_no_part(tmp_path, monkeypatch):
    def full(handle, **_):
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    said = []
    Cache(tmp_path).store("key", {"a": np.zeros(3)}, said.append)
    assert "No space left on device" in said[0]
    assert not list(tmp_path.iterdir())


def test_an_iterator_is_read_once_and_gives_the_same(labelled, add, tmp_path):
    frames = labelled(5)
    expected = add([frames], cache=None)[0]
    sums, count, _ = add(iter(frames))
    assert count == 5
    assert same(sums, expected)
    assert not list(tmp_path.iterdir())


def test_the_least_recently_used_goes_first(tmp_path):
    array = {"a": np.zeros(1000)}
    cache, said = Cache(tmp_path, limit=26_000), []
    for age, key in enumerate(("one", "two", "three")):
        cache.store(key, array, said.append)
        os.utime(tmp_path / f"{key}.sums.npz", (1000 + age, 1000 + age))
    assert cache.load("one", said.append) is not None  # used, so "two" is the oldest
    cache.store("four", array, said.append)
    assert [key for key in ("one", "two", "three", "four") if key in cache] == ["one", "three", "four"]
    cache.store("five", array, said.append, instead_of="four")
    assert "four" not in cache
    assert "one" in cache
    cache.store("large", {"a": np.zeros(10_000)}, said.append)
    assert "large" not in cache
    assert not said


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    said = []
    Cache(blocked / "cache").store("key", {"a": np.zeros(3)}, said.append)
    assert "sums are not kept" in said[0]


def test_where_it_lies_follows_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ALWORKFLOWS_CACHE", "off")
    assert Cache.of_environment() is None
    monkeypatch.setenv("ALWORKFLOWS_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("ALWORKFLOWS_CACHE_LIMIT", "1000")
    assert (Cache.of_environment().folder, Cache.of_environment().limit) == (tmp_path / "here", 1000)
    monkeypatch.delenv("ALWORKFLOWS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.of_environment().folder == tmp_path / "alworkflows"
    monkeypatch.setenv("ALWORKFLOWS_CACHE_LIMIT", "4 GiB")
    with pytest.raises(InputError, match="expected a number of bytes, got '4 GiB'"):
        Cache.of_environment()


def test_a_fit_is_the_same_with_and_without(labelled, settings, tmp_path):
    batches = [labelled(14, noise=0.1), labelled(6, first=20, noise=0.1)]
    options = {"settings": settings(), "species": SPECIES, "seed": 1, "tests": {"other": labelled(3, first=50)}}
    Fit(batches[:1], cache=Cache(tmp_path), **options)
    with_cache = Fit(batches, cache=Cache(tmp_path), **options).ensemble()
    without = Fit(batches, cache=None, **options).ensemble()
    for a, b in zip(with_cache.members, without.members, strict=True):
        assert np.array_equal(a.weights, b.weights)
        assert np.array_equal(a.reference_energies, b.reference_energies)
    assert with_cache.report == without.report
