"""The task that engines run: any part of a run's shards, in this process or another, with the same bytes as result.

What it carries can be pickled: where the run lies, and its config. All that was settled once for the run (fingerprints,
precision, windows, how small images are decoded) it reads from run.json where it is called, and it opens there what the
shards need. What is open in the process that made it is used there and left behind when the task goes to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmcheck.config import Config
from mmcheck.core.errors import RunError
from mmcheck.core.progress import SilentProgress
from mmcheck.core.types import Shard
from mmcheck.scanning.equipment import Equipment
from mmcheck.scanning.measure import ShardDone, ShardMeasuring
from mmcheck.scanning.plan import sample_transcripts
from mmcheck.scanning.probe_setup import make_probes
from mmcheck.scanning.reuse import EarlierRun, Reuse
from mmcheck.store.run_record import RunRecord, read_record


class MeasureTask:
    """Measures shards; hand it any part of a run's shards, in any process that sees the run folder and the media.

    Args:
        out: The run folder; run.json is written.
        config: The run's config.
        retry_failed: Shards with a failed measurement count as not measured.
        reuse: Folders of earlier runs whose measurements are taken over.
        equipment: What is open in this process already; it stays here when the task goes to another process.
    """

    def __init__(
        self,
        out: Path,
        config: Config,
        *,
        retry_failed: bool = False,
        reuse: Sequence[Path] = (),
        equipment: Equipment | None = None,
    ) -> None:
        self._out = out.absolute()
        self._config = config
        self._retry_failed = retry_failed
        self._reuse = tuple(path.absolute() for path in reuse)
        self._equipment = equipment

    def __getstate__(self) -> dict[str, object]:
        """Return what goes to another process: everything but open models."""
        return {**self.__dict__, "_equipment": None}

    def __call__(self, shards: Iterable[Shard]) -> Iterator[int | ShardDone]:
        """Yield the number of samples newly measured, and each shard when it is stored.

        Raises:
            OutputError: If a part cannot be written.
            RunError: If probes would measure otherwise here than run.json says.
            UserError: If a probe finds its options or weights unusable.
        """
        record = read_record(self._out)
        if self._equipment is None:
            self._equipment = self._equip(record)
        yield from ShardMeasuring(
            self._out,
            self._equipment,
            {name: record.probes[name].fingerprint for name in self._equipment.probes},
            self._config,
            min_side=record.min_side(),
            retry_failed=self._retry_failed,
            all_shards=record.shards(),
        ).run(shards)

    def measure(self, shards: Iterable[Shard]) -> list[ShardDone]:
        """Measure shards to their end and return those that were not stored before: what a pool of processes calls."""
        return [event for event in self(shards) if isinstance(event, ShardDone)]

    def _equip(self, record: RunRecord) -> Equipment:
        """Make the probes as the run settled them.

        Raises:
            RunError: If one of them would measure otherwise here.
        """
        probes, fingerprints, _ = make_probes(
            self._config,
            record,
            lambda: sample_transcripts(self._out, record.shards(), self._config.run.seed),
            may_download=True,
        )
        stored = {name: part.fingerprint for name, part in record.probes.items() if not part.is_given}
        if fingerprints != stored:
            other = sorted(name for name in {**fingerprints, **stored} if fingerprints.get(name) != stored.get(name))
            raise RunError(
                f"{', '.join(other)} would measure otherwise here than {self._out} says.",
                hint="use the version of mmcheck, the config, the weights and the device that the run was begun with.",
            )
        earlier = [EarlierRun(path, SilentProgress()) for path in self._reuse]
        for run in earlier:
            run.accept(record)
        return Equipment(probes, reuse=Reuse(earlier) if earlier else None)
