# SPDX-License-Identifier: MIT
"""Cloudflare's workerd, alone and behind wrangler's proxy. A command is a request: `grow` and its
like run in the worker's handler, which is the only code of its that ever runs."""

import os
import subprocess
import threading
import urllib.request

from runtimes import PROGRAM, Runtime, free_port, program, wait_for

# A worker has no timers outside a request: whoever drives it beats for it.
WORKER = PROGRAM + """
export default {
  async fetch(request) {
    const line = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (line !== '') obey(line);
    return new Response('done ' + line);
  },
};
"""

CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ SERVICES ],
  sockets = [ SOCKETS ],
);
const planted :Workerd.Worker = (
  modules = [ (name = "worker.js", esModule = embed "worker.js") ],
  compatibilityDate = "2025-01-01",
);
"""


def ask(port, path=""):
    url = f"http://127.0.0.1:{port}/" + urllib.request.quote(path)
    with urllib.request.urlopen(url, timeout=60) as reply:
        return reply.read().decode()


class Requested(Runtime):
    """What answers requests at self.port."""

    port = 0
    beat = None

    def title(self):
        return "planted"

    def do(self, command):
        if command == "churn":
            self.resting = threading.Event()
            self.beat = threading.Thread(target=self._churn)
            self.beat.start()
        elif command == "calm":
            self.resting.set()
            self.beat.join()
        else:
            assert ask(self.port, command) == f"done {command}"

    def _churn(self):
        while not self.resting.wait(0.02):
            ask(self.port, "grow 300")

    def is_up(self):
        try:
            return ask(self.port) == "done "
        except OSError:
            return False


class Workerd(Requested):
    name = "workerd"
    row = "workerd"
    services = ("planted",)

    def version(self):
        return subprocess.run([program("workerd", "bin/workerd"), "--version"], text=True,
                              capture_output=True, check=True).stdout.split()[-1]

    def write_config(self):
        """The file, and the port of each service's socket."""
        ports = [free_port() for _ in self.services]
        services = ", ".join(f'(name = "{name}", worker = .planted)' for name in self.services)
        sockets = ", ".join(f'(name = "{name}", address = "127.0.0.1:{port}", http = (), '
                            f'service = "{name}")' for name, port in zip(self.services, ports))
        file = self.folder / "config.capnp"
        file.write_text(CONFIG.replace("SERVICES", services).replace("SOCKETS", sockets),
                        encoding="utf-8")
        (self.folder / "worker.js").write_text(WORKER, encoding="utf-8")
        self.port = ports[0]
        return file

    def start(self):
        config = self.write_config()
        child = self.spawn(program("workerd", "bin/workerd"), "serve", "--control-fd=1",
                           "--inspector-addr=127.0.0.1:0", config)
        self.inspector = int(self.heard(r'"listen-inspector","port":(\d+)')[1])
        self.address = f"127.0.0.1:{self.inspector}"
        self.pid = child.pid
        wait_for(self.is_up)


class Wrangler(Requested):
    """The worker is in one workerd, the inspector's proxy in another, wrangler in a Node."""

    name = "wrangler"
    row = "wrangler dev"

    def title(self):
        return "Cloudflare Worker"  # wrangler's own word for each

    def command(self):
        return [program("node-22", "bin/node"), program("wrangler", "bin/wrangler.js"), "dev"]

    def environment(self):
        return dict(os.environ, WRANGLER_SEND_METRICS="false", CI="1", HOME=str(self.folder),
                    NO_COLOR="1")

    def write_config(self):
        self.port = free_port()
        (self.folder / "worker.js").write_text(WORKER, encoding="utf-8")
        (self.folder / "wrangler.toml").write_text(
            'name = "planted"\nmain = "worker.js"\ncompatibility_date = "2025-01-01"\n'
            f'send_metrics = false\n[dev]\nip = "127.0.0.1"\nport = {self.port}\n',
            encoding="utf-8")

    def start(self):
        self.write_config()
        inspector = free_port()
        self.spawn(*self.command(), f"--inspector-port={inspector}", env=self.environment(),
                   stdin=subprocess.DEVNULL)
        self.address = f"127.0.0.1:{inspector}"
        wait_for(self.is_up, 60)
        self.pid, self.listener = self.processes()

    def processes(self):
        """The workerd of the worker, which has an inspector of its own, and that of the proxy."""
        lines = subprocess.run(["ps", "-eo", "pid,pgid,args"], text=True, capture_output=True,
                               check=True).stdout.splitlines()[1:]
        mine = [(int(pid), words) for pid, group, *words in map(str.split, lines)
                if int(group) == self.children[0].pid and words[0].endswith("/workerd")]
        found = [[pid for pid, words in mine if ("--inspector-addr" in " ".join(words)) == own]
                 for own in (True, False)]
        return found[0][0], found[1][0]
