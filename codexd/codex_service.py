"""The Twisted service of one CODEX_HOME: its Codex processes, the watch of its login, and the scripted model."""

import random
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from codexd.backs.login_file import Login
from codexd.child.agent_sandbox import check_reload, confine_agents
from codexd.child.children import Children
from codexd.child.launch import LaunchConfig
from codexd.child.login_watch import LoginWatch
from codexd.child.provider_catalog import ProviderCatalog
from codexd.codex_home import (
    Provider,
    candidate_homes,
    choose_provider,
    find_codex_binary,
    find_codex_home,
    find_configured_provider,
    find_shell_excludes,
    find_workspace_write,
    has_account,
    read_login,
    state_directory,
)
from codexd.neutral.login_state import LoginState
from codexd.observe.metrics import Metrics
from codexd.policy.account_limits import AccountState
from codexd.policy.provider_models import ProviderModels
from codexd.policy.slot_ledger import SlotLedger
from codexd.scripted.server import ScriptedModel, build_site
from codexd.settings import Settings
from codexd.upstream.key_redaction import KeyRedaction
from codexd.upstream.provider_list import ProviderListReader, read_key


@frozen(kw_only=True)
class CodexDependencies:
    """What the services of all homes share.

    Attributes:
        environ: the source of CODEX_HOME and of the variables passed to the Codex processes.
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        metrics: the daemon's metrics.
        slots: records which turns run.
        scripted_model: is served instead of a new one, when the scripted model is used.
        files: the files from which the settings were read, which agents must not read.
    """

    environ: Mapping[str, str]
    reactor: Any
    metrics: Metrics
    slots: SlotLedger
    scripted_model: ScriptedModel | None = None
    files: tuple[str, ...] = ()


class CodexService(MultiService):
    """Starts and stops what serves the models of one CODEX_HOME.

    Args:
        settings: all settings; of the Codex tables and the aliases only those of this home.
        shared: what the services of all homes share.
        has_others: whether there are other back ends, so that without a login Codex need not run.

    Attributes:
        backend: the name of the back end.
        prefix: the beginning of the names of its models.
        home: the CODEX_HOME of the Codex processes.
        candidates: the homes from which it was chosen.
        provider: whose models Codex serves; `none` when Codex does not run.
        lacks_login: the scripted model is served because there is no login.
        configured_provider: the model provider that Codex's configuration selects instead of OpenAI, if any.
        limits: what is known of the limits of the account; None when Codex uses no account.
        children: the Codex processes; None when Codex does not run.

    Raises:
        ConfigurationError: when Codex or its home cannot be used.
    """

    def __init__(self, settings: Settings, shared: CodexDependencies, has_others: bool) -> None:
        super().__init__()
        self._shared = shared
        codex, environ = settings.codex, shared.environ
        self._launch_config: LaunchConfig | None = None
        self._port: IListeningPort | None = None
        self.backend, self.prefix = codex.name, codex.prefix
        self.home = find_codex_home(codex, environ)
        self.candidates = candidate_homes(codex, environ)
        self.provider: Provider = choose_provider(codex, self.home, has_others, self.candidates)
        self.lacks_login = self.provider == "scripted" and codex.model == "auto"
        self.configured_provider = find_configured_provider(codex, self.home, self.provider)
        self.children: Children | None = None
        self.limits = None if self.provider in ("none", "scripted") else AccountState(unix_time=time.time)
        self._login = self._build_login_watch()

    def build_children(self, settings: Settings, homes: Iterable[Path]) -> None:
        """Build the Codex processes, if Codex runs.

        Args:
            settings: as for the constructor.
            homes: all directories that may contain a login of Codex, which agents must not read.

        Raises:
            ConfigurationError: when a workspace of an agent cannot be used.
        """
        if self.provider == "none":
            return
        self._launch_config = self._build_launch_config(settings, homes)
        self.children = Children(
            settings,
            self._launch_config,
            self._shared.reactor,
            random.random,
            self._shared.metrics,
            provider=self._build_provider_catalog(settings),
            slots=self._shared.slots,
            account=self.limits,
            turn_failed=lambda kind: None if self._login is None else self._login.turn_failed(kind),
            redact=KeyRedaction(self._provider_key()).apply_to_fault,
        )
        self.children.setServiceParent(self)
        if self._login is not None:
            self._login.setServiceParent(self)

    @property
    def account(self) -> LoginState | None:
        """The account that Codex uses; None if it uses none."""
        return None if self._login is None else self._login.state

    def check_reload(self, settings: Settings, homes: Iterable[Path], files: tuple[str, ...]) -> None:
        """Check that agents cannot read what other settings name.

        Raises:
            ConfigurationError: when they could.
        """
        if self._launch_config is not None:
            check_reload(settings, self._launch_config, homes, files)

    def apply(self, settings: Settings) -> None:
        """Use other settings for all further requests."""
        if self.children is not None:
            self.children.apply(settings)

    def drain(self) -> None:
        """Start no turn again: the daemon stops."""
        if self.children is not None:
            self.children.drain()

    def recycle(self) -> tuple[str, ...]:
        """Replace every Codex process by a new one; return the names of the workers that are replaced."""
        if self._login is not None:
            self._login.note()
        return () if self.children is None else self.children.recycle()

    def hurry(self) -> None:
        """Shorten the time that the Codex processes have to exit once they are stopped, also if they already are."""
        if self.children is not None:
            self.children.hurry()

    def stopService(self) -> "Deferred[None]":
        """Stop the processes, and then the scripted model, because Codex calls it until it has stopped."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(super().stopService)
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)

    def _build_login_watch(self) -> LoginWatch | None:
        """Watch the login, unless Codex uses none: the scripted model, or another provider without a login."""
        if self.provider != "account" or (self.configured_provider is not None and not has_account(self.home)):
            return None
        return LoginWatch(
            backend=self.backend,
            read=self._read_login,
            clock=self._shared.reactor,
            now=time.time,
            metrics=self._shared.metrics,
            on_changed=self.recycle,
        )

    def _read_login(self) -> Login | None:
        login = read_login(self.home)
        return Login(type="unknown") if login is None and has_account(self.home) else login

    def _build_launch_config(self, settings: Settings, homes: Iterable[Path]) -> LaunchConfig:
        codex, environ = settings.codex, self._shared.environ
        launch_config = LaunchConfig(
            binary=find_codex_binary(codex),
            home=self.home,
            state=state_directory(environ),
            environ=environ,
            codex=codex,
            provider=self._serve_scripted_model() if self.provider == "scripted" else None,
            provider_environment=() if self.configured_provider is None else self.configured_provider.environment,
            shell_excludes=find_shell_excludes(codex, self.home),
            workspace_write=find_workspace_write(codex, self.home),
        )
        # The sandbox of agents hides this directory, so it must exist.
        launch_config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return confine_agents(settings, launch_config, homes, self._shared.files)

    def _provider_key(self) -> str | None:
        provider = self.configured_provider
        return None if provider is None else read_key(provider, self._shared.environ)

    def _build_provider_catalog(self, settings: Settings) -> ProviderCatalog | None:
        provider = self.configured_provider
        if provider is None:
            return None
        models = ProviderModels(
            provider=provider.id,
            address=provider.address,
            configured=provider.model,
            context_window=provider.context_window,
            keeps_account=has_account(self.home),
        )
        reader = ProviderListReader(provider, self._shared.environ, self._shared.reactor, time.time)
        return ProviderCatalog(models, reader, settings.models.refresh_seconds, self._shared.reactor)

    def _serve_scripted_model(self) -> str:
        """Serve the scripted model on a free loopback port and return its base URL."""
        site = build_site(self._shared.reactor, self._shared.scripted_model)
        self._port = port = self._shared.reactor.listenTCP(0, site, interface="127.0.0.1")
        return f"http://127.0.0.1:{port.getHost().port}/v1"
