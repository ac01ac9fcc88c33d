"""Sites are complete, and what they demand is refused before anything is submitted."""

from pathlib import Path

import pytest

from jobs.errors import InputError
from pipeline.planning.site import GENERIC, SITES, Site, detect_site, load_site
from pipeline.stages.audit import AUDIT
from pipeline.stages.extract import EXTRACT
from pipeline.stages.graph import STAGES
from pipeline.stages.index import INDEX


@pytest.mark.parametrize("name", sorted(path.stem for path in SITES.glob("*.yaml")))
def test_every_site_is_valid_and_names_tiers_alike(name: str) -> None:
    site = load_site(name)
    assert [tier.name for tier in site.tiers] == ["small", "large"]
    assert site.default_tier("v1") == site.default_tier("v3") == "small"
    assert site.default_tier("v2") == "large"
    larger = site.tier_after("small")
    assert larger is not None
    assert larger.mem_gb > site.tier("small").mem_gb
    assert site.tier_after("large") is None


@pytest.mark.parametrize("name", ["greene", "torch", "course", "generic"])
def test_clusters_have_the_reports_tiers(name: str) -> None:
    small, large = load_site(name).tiers
    assert (small.mem_gb, large.mem_gb, large.timeout_min) == (32, 64, 480)


def test_the_cluster_or_the_host_shows_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "somewhere")
    assert detect_site("testbed") == "testbed"
    assert detect_site("unknown") == GENERIC
    monkeypatch.setattr("socket.getfqdn", lambda: "log-1.nyu.cluster")
    assert detect_site(None) == "greene"


def test_a_demanded_field_is_refused_while_it_is_empty() -> None:
    with pytest.raises(InputError, match=r"site torch demands `account`.*--site-set account="):
        load_site("torch").require_filled_in("torch")
    load_site("torch", ["account=torch_pr_1"]).require_filled_in("torch")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("acount=x", "did you mean `account`"),
        ("predikt={cpus: 1}", "did you mean `predict`"),
        ("account", "expected key=value"),
        ('account="a\\nrm -rf x"', "`account` must be one line"),
        ("concurrency=many", "`concurrency`.*got 'many'"),
        ("tier_of={v1: huge}", "`tier_of.v1: huge` is none of the tiers"),
    ],
)
def test_a_wrong_override_is_refused(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_site("generic", [override])


def test_a_site_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((SITES / "generic.yaml").read_text().replace("null ", "abc ", 1))
    assert load_site(str(path)).account == "abc"
    with pytest.raises(InputError, match="there is no site 'nowhere', only course, generic"):
        load_site("nowhere")


def test_a_site_file_stays_valid_when_a_stage_is_added(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text(
        "extract: {cpus: 2, mem_gb: 3, timeout_min: 9}\n"
        "tiers: [{name: only, mem_gb: 4, timeout_min: 9}]\n"
    )
    site = load_site(str(path))
    assert EXTRACT.resources(site).mem_gb == 3
    for stage in STAGES[1:]:
        assert stage.resources(site) == (INDEX.default if stage is AUDIT else stage.default)


def test_a_single_field_of_a_stage_may_be_given_and_a_mistake_names_the_option() -> None:
    before, after = load_site("generic"), load_site("generic", ["extract={cpus: 2}"])
    assert after.stages["extract"] == before.stages["extract"].model_copy(update={"cpus": 2})
    with pytest.raises(InputError, match=r"^--site-set extract: extract: `cpus`.*got 'two'"):
        load_site("generic", ["extract={cpus: two}"])
    with pytest.raises(InputError, match=r"^--site-set extract: extract: expected fields"):
        load_site("generic", ["extract=2"])


def test_a_typo_in_a_site_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("tiers: [{name: only, mem_gb: 4, timeout_min: 9}]\nextrct: {mem_gb: 3}\n")
    with pytest.raises(InputError, match=r"mine\.yaml:2: `extrct` .*did you mean `extract`"):
        load_site(str(path))


def test_the_generic_site_documents_every_field() -> None:
    text = (SITES / f"{GENERIC}.yaml").read_text()
    told_elsewhere = {"hosts", "clusters", "stages"}
    for field in set(Site.model_fields) - told_elsewhere:
        assert f"\n{field}:" in text, field


def test_runs_that_share_a_gpu_say_so_where_the_site_wants_it() -> None:
    site = load_site("torch")
    assert site.comment_when_sharing == "gpu_mps=yes"
    assert site.min_gpu_percent == 60
