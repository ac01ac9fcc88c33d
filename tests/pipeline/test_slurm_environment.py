"""What Slurm's commands and jobs inherit from the shell that launches: what we chose, no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import InputError
from pipeline.executors import slurm_command
from pipeline.executors.partitions import gpus_in
from pipeline.executors.refusals import NOT_AVAILABLE, may_fit_later
from pipeline.executors.slurm_executor import job_id
from pipeline.planning import wishes
from pipeline.planning.resources import Resources
from pipeline.planning.site import load_site
from pipeline.planning.wishes import personal_settings, with_wishes
from pipeline.planning.wrapper import container_variables, python_command

Stub = Callable[[str, str], None]
# As `srun --pty bash` leaves them, and as people write them into their profiles.
OF_A_STEP = {
    "SLURM_CPU_BIND": "quiet,mask_cpu:0x1", "SLURM_MEM_PER_CPU": "900", "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "1", "SLURMD_NODENAME": "n1", "SBATCH_EXPORT": "NONE",
    "SRUN_CPUS_PER_TASK": "1", "SQUEUE_STATES": "PD", "SQUEUE_PARTITION": "other",
    "SACCT_FORMAT": "user", "PMI_RANK": "0", "PMIX_NAMESPACE": "x", "OMP_PROC_BIND": "true",
    "GOMP_CPU_AFFINITY": "0", "CUDA_VISIBLE_DEVICES": "3",
}  # fmt: skip
KEPT = {"SLURM_CONF": "/etc/slurm.conf", "SLURM_CLUSTERS": "torch", "HOME": "/h", "OMP_X": "1"}


def test_what_describes_the_job_around_is_left_out_and_what_describes_the_cluster_stays() -> None:
    assert slurm_command.environment(OF_A_STEP | KEPT) == KEPT


def test_every_command_gets_that_environment(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OF_A_STEP.items():
        monkeypatch.setenv(name, value)
    stub("squeue", "env")
    shown = slurm_command.run("squeue")
    assert not [name for name in OF_A_STEP if f"{name}=" in shown]


@pytest.mark.parametrize(
    ("answer", "job"),
    [
        ("123\n", "123"),
        ("123;torch\n", "123"),
        ("Welcome to job 999 of our cluster!\n\n123\n", "123"),
        ("sbatch: warning: job 7 looks odd\n123;torch\n", "123"),
        ("12\nsee https://cluster/news\n", "12"),
    ],
)
def test_a_jobs_number_is_read_whatever_is_printed_around_it(answer: str, job: str) -> None:
    assert job_id(answer) == job


@pytest.mark.parametrize("answer", ["", "Submitted batch job", "123 456\n", "job 12\n"])
def test_an_answer_without_a_number_is_never_taken_for_one(answer: str) -> None:
    with pytest.raises(InputError, match="without a job's number"):
        job_id(answer)


def test_slurm_without_a_configuration_is_one_sentence(stub: Stub) -> None:
    said = (
        "squeue: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n"
        "squeue: error: fetch_config: DNS SRV lookup failed\n"
        "squeue: fatal: Could not establish a configuration source"
    )
    stub("squeue", f"echo '{said}' >&2; exit 1")
    with pytest.raises(InputError, match=r"no configuration of a cluster") as refused:
        slurm_command.run("squeue")
    assert "\n" not in str(refused.value)


def test_wishes_of_the_shell_count_where_the_site_is_silent_and_are_said() -> None:
    site = load_site("torch", ["qos=short"])
    around = {
        "SBATCH_ACCOUNT": "torch_pr_1", "SBATCH_QOS": "long", "SBATCH_TIMELIMIT": "5", "X": "y",
    }  # fmt: skip
    wished, said = with_wishes(site, around)
    assert (wished.account, wished.qos) == ("torch_pr_1", "short")
    wished.require_filled_in("torch")
    assert said == [
        "`account: torch_pr_1` is taken from SBATCH_ACCOUNT in your shell",
        "SBATCH_QOS in your shell is ignored: the site says `qos`",
        "SBATCH_TIMELIMIT in your shell is not passed on to jobs",
    ]


def test_a_users_own_file_fills_in_what_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert personal_settings("torch") == {}
    path = wishes.personal_file()
    path.parent.mkdir()
    path.write_text("image: /i.sif\ntorch: {account: torch_pr_1}\ngreene: {account: other}\n")
    own = personal_settings("torch")
    assert own == {"image": "/i.sif", "account": "torch_pr_1"}
    assert load_site("torch", (), own).account == "torch_pr_1"
    assert load_site("torch", ["account=b"], own).account == "b"
    path.write_text("torch: {acount: x}\n")
    with pytest.raises(InputError, match=r"site\.yaml.*did you mean `account`"):
        personal_settings("torch")


def test_options_of_sbatch_are_passed_on_but_not_those_that_are_ours() -> None:
    site = load_site("generic", ["sbatch.nice=100", "sbatch.exclusive"])
    assert site.sbatch == {"nice": "100", "exclusive": True}
    for option in ("sbatch.array=1-3", "sbatch.N=2", "sbatch.nice=a\nb", "sbatch.clusters=b"):
        with pytest.raises(InputError, match=r"sbatch\."):
            load_site("generic", [option])


def test_a_container_whose_parts_are_missing_is_refused_before_the_queue(
    tmp_path: Path, stub: Stub
) -> None:
    image, overlay = tmp_path / "i.sif", tmp_path / "o.ext3"
    site = load_site("generic", ["python=bash slurm/container.sh python"])
    with pytest.raises(InputError, match=r"its image is not given.*variable IMAGE"):
        container_variables(site, {})
    around = {"IMAGE": str(image), "OVERLAY": str(overlay)}
    with pytest.raises(InputError, match=r"image .*i\.sif is not there"):
        container_variables(site, around)
    image.touch()
    with pytest.raises(InputError, match=r"overlay .*o\.ext3 is not there"):
        container_variables(site, around)
    overlay.touch()
    with pytest.raises(InputError, match="neither apptainer nor singularity is here"):
        container_variables(site, around)
    stub("apptainer", "exit 0")
    assert container_variables(site, around) == around
    assert container_variables(load_site("generic"), {}) == {}


def test_a_wrapper_that_is_not_there_is_refused_and_one_of_ours_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = python_command(load_site("generic", ["python=bash slurm/container.sh python -I"]))
    assert command is not None
    assert Path(command.split()[1]).is_file()
    with pytest.raises(InputError, match=r"names slurm/contaner\.sh, which is not there"):
        python_command(load_site("generic", ["python=bash slurm/contaner.sh python"]))


def test_options_of_sbatch_mean_in_a_file_what_a_person_means() -> None:
    site = load_site("generic", ["sbatch={nice: 1, exclusive: true, spread-job: false}"])
    assert site.sbatch == {"nice": "1", "exclusive": True}
    both = load_site("generic", ["sbatch.x=1"], {"sbatch": {"nice": 5}})
    assert both.sbatch == {"nice": "5", "x": "1"}


@pytest.mark.parametrize(
    ("gres", "found"),
    [
        ("gpu:2080ti:4", [("2080ti", 4)]),
        ("gpu:a100-sxm4-80gb:4(S:0-1)", [("a100-sxm4-80gb", 4)]),
        ("gpu:3g.20gb:2,shard:8", [("3g.20gb", 2)]),
        ("gpu:2", [("", 2)]),
        ("gpu", [("", 1)]),
        ("gpu:v100", [("v100", 1)]),
        ("", []),
    ],
)
def test_gpus_are_counted_whatever_they_are_called(gres: str, found: list[tuple[str, int]]) -> None:
    assert gpus_in(gres) == found


def test_nodes_that_are_down_are_waited_for_and_what_no_node_has_is_not(stub: Stub) -> None:
    stub("sinfo", "echo 'main*|up|1-00:00:00|8|64000|gpu:v100:2'")
    error = slurm_command.SlurmError(f"sbatch failed: Requested {NOT_AVAILABLE}")
    site = load_site("generic")
    fits = Resources(mem_gb=32, timeout_min=60, gpus=1)
    assert may_fit_later(site, fits, 4, error)
    assert not may_fit_later(site, fits.model_copy(update={"mem_gb": 600}), 4, error)
    assert not may_fit_later(site, fits.model_copy(update={"gres": "gpu:v100:4"}), 4, error)
    assert not may_fit_later(site, fits, 16, error)
    assert not may_fit_later(site, fits, 4, slurm_command.SlurmError("invalid partition"))
