"""Takes docs/view.png, the newest log of a folder in inspect view: `python tests/screenshot.py logs`, with chromium."""

import asyncio
import base64
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from aiohttp import ClientSession

ROOT = Path(__file__).parents[1]
VIEW, BROWSER = "http://127.0.0.1:7599", "http://127.0.0.1:7598"


async def shoot(page: str) -> None:
    async with ClientSession() as client:
        async with client.put(f"{BROWSER}/json/new?{page}") as answer:
            address = (await answer.json())["webSocketDebuggerUrl"]
        await asyncio.sleep(15)
        async with client.ws_connect(address, max_msg_size=0) as tab:
            await tab.send_json({"id": 1, "method": "Page.captureScreenshot"})
            picture = (await tab.receive_json())["result"]["data"]
    (ROOT / "docs/view.png").write_bytes(base64.b64decode(picture))


def main() -> None:
    newest = max(Path(sys.argv[1]).glob("*.eval"), key=lambda path: path.stat().st_mtime)
    folder, log = Path(mkdtemp()), newest.name
    shutil.copy(newest, folder)
    view = ["inspect", "view", "start", "--log-dir", folder, "--port", VIEW[-4:]]
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1500,760"]
    commands = view, [*browser, f"--remote-debugging-port={BROWSER[-4:]}", "about:blank"]
    started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]
    try:
        asyncio.run(asyncio.sleep(8))
        asyncio.run(shoot(f"{VIEW}/#/logs/{log}/samples"))
    finally:
        for process in started:
            process.terminate()


if __name__ == "__main__":
    main()
