"""Typical mistakes in a configuration, and the exact messages: what is wrong, where, and what to do."""

import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

from attrs import Factory, evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.settings import Codex, Responses, Settings, Trace
from codexd.start_checks import find_home_problems, find_start_problems

NOBODY: Final = 65534


@frozen
class Mistake:
    """A mistake. `DIR` stands for the test's directory, in which `file` is a text file, `dir` a directory.

    Attributes:
        message: of `codexd check-config`, without its prefix; several lines for several problems.
        toml: the configuration file `DIR/c.toml`; none is used without a text.
        argv: further flags.
        environ: variables.
    """

    message: str
    toml: str = ""
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = Factory(dict)


UPSTREAM = '[[upstream]]\nname = "a"\nbase_url = "https://a.example/v1"\n'
AGENT = '[[models.alias]]\nname = "x"\nprofile = "agent"\n'

MISTAKES: Final = (
    # The file.
    Mistake("DIR/gone.toml: cannot be read: No such file or directory (--config)", argv=("--config", "DIR/gone.toml")),
    Mistake(
        "DIR/gone.toml: cannot be read: No such file or directory (CODEXD_CONFIG)",
        environ={"CODEXD_CONFIG": "DIR/gone.toml"},
    ),
    Mistake(
        "DIR/c.toml: not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6)", "[http\n"
    ),
    Mistake("htpp: unknown table; did you mean http? (DIR/c.toml)", "[htpp]\n"),
    Mistake("http.lisen: unknown key; did you mean http.listen? (DIR/c.toml)", "[http]\nlisen = []\n"),
    Mistake("http.listen: must be a list, not text (DIR/c.toml)", '[http]\nlisten = "tcp:80"\n'),
    Mistake("codex.workers: must be at least 1, not 0 (CODEXD_CODEX_WORKERS)", environ={"CODEXD_CODEX_WORKERS": "0"}),
    Mistake("codex.workers: must be a whole number, not text (--workers)", argv=("--workers", "many")),
    Mistake("upstream[0].base_url: missing (DIR/c.toml)", '[[upstream]]\nname = "a"\n'),
    # Variables.
    Mistake("CODEXD_API_KEY: unknown variable; did you mean CODEXD_API_KEYS?", environ={"CODEXD_API_KEY": "sk"}),
    # Addresses and keys.
    Mistake(
        "http.listen: 'tcp:80' is reachable from other machines, but no API key is set; create one with"
        " `codexd new-key` and set it with --api-key or CODEXD_API_KEYS, set keys.file and create one with"
        " `codexd keys add`, or listen on loopback, for example tcp:11435:interface=127.0.0.1",
        argv=("--listen", "tcp:80"),
    ),
    Mistake(
        "http.listen: '11435' is not a Twisted endpoint string; for example tcp:11435:interface=127.0.0.1",
        argv=("--listen", "11435", "--api-key", "k"),
    ),
    Mistake(
        "http.listen: 'unix:/x' is there 2 times; keep one",
        '[http]\nlisten = ["unix:/x", "unix:/x"]\n',
    ),
    Mistake(
        "http.listen: 'unix:DIR/gone/socket': DIR/gone is not a directory; create it first",
        argv=("--listen", "unix:DIR/gone/socket"),
    ),
    Mistake(
        "http.listen: 'ssl:443:privateKey=DIR/file': its key or certificate is not valid PEM",
        argv=("--listen", "ssl:443:privateKey=DIR/file", "--api-key", "k"),
    ),
    Mistake(
        "http.api_keys_file: DIR/gone: cannot be read: No such file or directory",
        '[http]\napi_keys_file = "DIR/gone"\n',
    ),
    Mistake("keys.file: DIR/gone: cannot be read: No such file or directory", '[keys]\nfile = "DIR/gone"\n'),
    Mistake(
        "tools.key_output_modes[0]: is for key 'alice', which has a name; set its output_mode in place of this entry",
        f'[[key]]\nname = "alice"\nsha256 = "{"0" * 64}"\n[tools]\nkey_output_modes = ["{"0" * 12}=openai-json"]\n',
    ),
    Mistake(
        "http.allowed_hosts[0]: 'http://box' must be a host name or an address, without scheme and port",
        '[http]\nallowed_hosts = ["http://box"]\n',
    ),
    # Codex.
    Mistake("codex.binary: 'DIR/file' is not an executable program", argv=("--codex", "DIR/file")),
    Mistake(
        "codex.home: DIR/gone is not a directory; create it first, with mode 700", argv=("--codex-home", "DIR/gone")
    ),
    Mistake(
        'codex.model: "account", but no login in DIR/dir; log in with `codexd login`',
        argv=("--model", "account", "--codex-home", "DIR/dir"),
    ),
    Mistake(
        "models.alias 'x': workspace DIR/gone is not a directory; create it first", AGENT + 'workspace = "DIR/gone"\n'
    ),
    Mistake("models.alias 'x': profile = \"agent\" requires workspace, its working directory", AGENT),
    Mistake("models.alias: 2 aliases have the name 'x'; names must be unique", '[[models.alias]]\nname = "x"\n' * 2),
    Mistake(
        "models.alias 'x': there is no upstream named 'b'", '[[models.alias]]\nname = "x"\nupstream = "b"\n' + UPSTREAM
    ),
    # Upstreams.
    Mistake("upstream: 2 upstreams have the name 'a'; names must be unique", UPSTREAM * 2),
    Mistake(
        "upstream 'a': base_url must be http://HOST/PATH or https://HOST/PATH without user or query",
        '[[upstream]]\nname = "a"\nbase_url = "localhost:11434"\n',
    ),
    Mistake(
        "upstream 'a': base_url has the port 99999; ports end at 65535",
        '[[upstream]]\nname = "a"\nbase_url = "http://[::1]:99999/v1"\n',
    ),
    Mistake("upstream 'a': the variable A_KEY contains no API key", UPSTREAM + 'key_env = "A_KEY"\n'),
    Mistake(
        "upstream 'a': key_file DIR/gone cannot be read: No such file or directory",
        UPSTREAM + 'key_file = "DIR/gone"\n',
    ),
    Mistake(
        "upstream 'a': ca_file DIR/gone cannot be used: No such file or directory", UPSTREAM + 'ca_file = "DIR/gone"\n'
    ),
    Mistake(
        "upstream 'a': ca_file DIR/file cannot be used: it contains no certificate", UPSTREAM + 'ca_file = "DIR/file"\n'
    ),
    Mistake(
        "upstream 'a': ca_file DIR/damaged cannot be used: a certificate in it is damaged",
        UPSTREAM + 'ca_file = "DIR/damaged"\n',
    ),
    # The database.
    Mistake("responses.database: DIR/gone is not a directory", '[responses]\ndatabase = "DIR/gone/x.sqlite3"\n'),
    Mistake(
        "responses.database: DIR/file cannot be used: file is not a database; run `codexd store check`, then"
        " `codexd store restore BACKUP`, or move the file and those beside it away to start with an empty store",
        '[responses]\ndatabase = "DIR/file"\n',
    ),
    # Several at once.
    Mistake(
        "codex.binary: '/gone' is not an executable program\n"
        "models.alias 'x': workspace /gone is not a directory; create it first\n"
        "upstream 'a': the variable A_KEY contains no API key\n"
        "upstream 'a': ca_file /gone cannot be used: No such file or directory\n"
        "responses.database: /gone is not a directory",
        '[codex]\nbinary = "/gone"\nmodel = "scripted"\n[responses]\ndatabase = "/gone/a"\n'
        + AGENT
        + 'workspace = "/gone"\n'
        + UPSTREAM
        + 'key_env = "A_KEY"\nca_file = "/gone"\n',
    ),
)


class MistakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "dir").mkdir()
        (self.folder / "file").write_text("text that is nothing else, and long enough to be no empty database\n" * 20)
        (self.folder / "damaged").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    def check(self, mistake: Mistake, command: str = "check-config") -> tuple[int, str]:
        """Run a command with a mistake, and return its status and its errors, with `DIR` for the directory."""
        folder = str(self.folder)
        (self.folder / "c.toml").write_text(mistake.toml.replace("DIR", folder))
        argv = [text.replace("DIR", folder) for text in mistake.argv]
        if mistake.toml:
            argv += ["--config", f"{folder}/c.toml"]
        environ = {name: text.replace("DIR", folder) for name, text in mistake.environ.items()}
        context = ProcessContext({"HOME": folder, "PATH": os.environ["PATH"], **environ}, lambda *_: None)
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main([command, *argv], context)
        return status, err.getvalue().replace(folder, "DIR")

    def test_every_mistake_has_its_message(self) -> None:
        for mistake in MISTAKES:
            self.assertEqual(self.check(mistake), (1, f"codexd: {mistake.message}\n"), mistake)

    def test_a_start_says_the_same(self) -> None:
        for mistake in MISTAKES:
            self.assertEqual(self.check(mistake, "serve"), (1, f"codexd: {mistake.message}\n"), mistake)

    def test_every_message_begins_with_the_name_of_its_setting(self) -> None:
        for mistake in MISTAKES:
            for line in mistake.message.splitlines():
                self.assertRegex(line, r"^(DIR/\S+\.toml|[a-z_.]+(\[\d+\])?(\.[a-z_]+)?( '\w+')?|CODEXD_\w+): \S")

    def test_nothing_is_wrong_without_a_mistake(self) -> None:
        self.assertEqual(self.check(Mistake("", UPSTREAM + AGENT + 'workspace = "DIR/dir"\n')), (0, ""))

    def test_two_homes_that_are_one_directory_are_reported(self) -> None:
        folder = Path(mkdtemp())
        self.addCleanup(rmtree, folder)
        (folder / "link").symlink_to(folder)
        for home in (folder / "link", folder / "link" / "." / ".." / folder.name):
            settings = Settings(
                codex=Codex(home=str(folder)), further_codex=(Codex(name="work", prefix="w/", home=str(home)),)
            )
            (problem,) = find_start_problems(settings, {"HOME": str(folder)}, str)
            self.assertIn(f"codex 'work': home {home} is that of codex 'codex'", problem)

    def test_a_trace_directory_that_is_not_private_is_reported(self) -> None:
        folder = Path(mkdtemp())
        self.addCleanup(rmtree, folder)
        (folder / "link").symlink_to(folder)
        settings = Settings(trace=Trace(enabled=True, directory=str(folder)))
        self.assertEqual(find_start_problems(settings, {"HOME": str(folder)}, str), ())
        linked = evolve(settings, trace=Trace(enabled=True, directory=str(folder / "link")))
        self.assertIn("is a symbolic link", find_start_problems(linked, {"HOME": str(folder)}, str)[0])
        folder.chmod(0o1777)
        self.assertEqual(
            find_start_problems(settings, {"HOME": str(folder)}, str),
            (
                f"trace.directory: {folder} has mode 1777, so others can use it; name one that does not exist, which "
                "codexd creates, or one of its own with mode 700",
            ),
        )

    def test_a_directory_that_may_not_be_written_is_reported(self) -> None:
        folder = Path(mkdtemp())  # every user can reach it
        self.addCleanup(rmtree, folder)
        directory = folder / "dir"
        directory.mkdir(0o555)
        folder.chmod(0o755)
        settings = Settings(responses=Responses(database=str(directory / "x")))
        if os.geteuid() == 0:  # who may write everything
            self.addCleanup(os.seteuid, 0)
            os.seteuid(NOBODY)
        problems = (*find_home_problems(directory), *find_start_problems(settings, {}, str))
        self.assertEqual(
            [problem.replace(str(folder), "DIR") for problem in problems],
            [
                "codex.home: DIR/dir must be readable and writable; Codex stores its files there",
                "responses.database: DIR/dir/x cannot be written: Permission denied",
            ],
        )
