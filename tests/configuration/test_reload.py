import re
from pathlib import Path
from typing import Any, get_args, get_origin

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.registry import Setting, list_settings, strip_annotation
from codexd.configuration.reload import RESTART, plan_reload
from codexd.configuration.sources import FURTHER_CODEX
from codexd.settings import Codex, Http, Log, ModelAlias, Models, Settings, Upstream

ROOT = Path(__file__).parents[2]
AGENT = ModelAlias(name="agent", profile="agent", workspace="/work")


def another_value(setting: Setting) -> Any:
    """Return a value that differs from the default."""
    kind = strip_annotation(setting.kind)
    if setting.key == "upstream":
        return (Upstream(name="a", base_url="http://a/v1"),)
    if setting.key == "models.alias":
        return (ModelAlias(name="a"),)
    if get_origin(kind) is tuple:
        return ("another",)
    if isinstance(setting.default, bool):
        return not setting.default
    return setting.default + 1 if isinstance(setting.default, int | float) else "another"


def change(settings: Settings, setting: Setting) -> Settings:
    table = setting.table
    if not table:
        return evolve(settings, **{setting.name: another_value(setting)})
    return evolve(settings, **{table: evolve(getattr(settings, table), **{setting.name: another_value(setting)})})


class PlanTests(SynchronousTestCase):
    def test_each_setting_is_applied_or_named_as_one_that_needs_a_restart(self) -> None:
        known = [setting.key for setting in list_settings()]
        self.assertEqual([key for key in RESTART if key not in known], [])
        for setting in list_settings():
            if setting.key == FURTHER_CODEX:
                continue  # has tests of its own
            changed = change(Settings(), setting)
            plan = plan_reload(Settings(), changed)
            restart = setting.key in RESTART
            self.assertEqual(plan.settings, Settings() if restart else changed, setting.key)
            self.assertEqual(plan.restart, (setting.key,) if restart else ())
            self.assertEqual(plan.applied, () if restart else (setting.key,))

    def test_the_manual_lists_the_settings_that_need_a_restart(self) -> None:
        manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        listed = manual.partition("a reload that finds them changed names them:\n")[2].partition(".\n")[0]
        self.assertEqual(tuple(re.findall(r"`(\S+)`", listed)), RESTART)

    def test_the_settings_of_a_further_home_are_applied_or_named_as_those_of_the_first(self) -> None:
        work = Codex(name="work", prefix="work/", home="/work")
        current = Settings(further_codex=(work,))
        changed = evolve(work, workers=7, turns_per_worker=3, prefix="other/")
        plan = plan_reload(current, Settings(further_codex=(changed,)))
        self.assertEqual(plan.settings.further_codex, (evolve(work, turns_per_worker=3),))
        self.assertEqual(plan.applied, ("codex 'work'.turns_per_worker",))
        self.assertEqual(plan.restart, ("codex 'work'.prefix", "codex 'work'.workers"))

    def test_other_homes_need_a_restart(self) -> None:
        work = Codex(name="work", prefix="work/", home="/work")
        for before, after in (((), (work,)), ((work,), ()), ((work,), (evolve(work, name="play"),))):
            plan = plan_reload(Settings(further_codex=before), Settings(further_codex=after))
            self.assertEqual((plan.settings.further_codex, plan.applied), (before, ()))
            self.assertEqual(plan.restart, ("codex (its tables and their names)",))

    def test_nothing_changed_is_nothing_to_do(self) -> None:
        plan = plan_reload(Settings(), Settings())
        self.assertEqual((plan.applied, plan.restart, plan.settings), ((), (), Settings()))

    def test_what_is_live_is_applied_beside_what_needs_a_restart(self) -> None:
        loaded = Settings(
            http=Http(api_keys=("new",), listen=("tcp:1",)), codex=Codex(workers=4), log=Log(level="debug")
        )
        plan = plan_reload(Settings(), loaded)
        self.assertEqual(plan.applied, ("http.api_keys", "log.level"))
        self.assertEqual(plan.restart, ("http.listen", "codex.workers"))
        self.assertEqual(plan.settings, Settings(http=Http(api_keys=("new",)), log=Log(level="debug")))

    def test_an_agent_with_another_sandbox_or_workspace_needs_a_restart(self) -> None:
        """The running Codex process has no permissions for it."""
        same, other = evolve(AGENT, name="same"), evolve(AGENT, name="other", sandbox="workspace-write")
        current = Settings(models=Models(alias=(AGENT,)))
        plan = plan_reload(current, Settings(models=Models(alias=(AGENT, same, other))))
        self.assertEqual(plan.restart, ('models.alias (profile = "agent")',))
        self.assertEqual(plan.settings.models.alias, (AGENT, same))

    def test_the_first_alias_of_the_agent_profile_needs_a_restart(self) -> None:
        plain = ModelAlias(name="plain")
        loaded = Settings(models=Models(alias=(plain, AGENT)))
        plan = plan_reload(Settings(), loaded)
        self.assertEqual(plan.restart, ('models.alias (profile = "agent")',))
        self.assertEqual(plan.settings.models.alias, (plain,))
        self.assertEqual(get_args(ModelAlias.__annotations__["profile"]), ("plain", "agent"))
        again = plan_reload(Settings(models=Models(alias=(AGENT,))), loaded)
        self.assertEqual((again.restart, again.settings), ((), loaded))
