// run.mjs - runs a WebAssembly module over WASI, as a process.
//
//   node --no-warnings run.mjs MODULE [ARGUMENTS]
//
// Ends with what the module's main returned; with 134 where it trapped by what
// abort() is made of, and with 139 where it touched what it may not touch. A
// module may start itself anew (tests/support/self.h): in a new process.

import child_process from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { WASI } from "node:wasi";

const ABORTED = 134, TRAPPED = 139, NOT_STARTED = -1;
const file = process.argv[2];

function statusOf(error) {
    if (error instanceof WebAssembly.RuntimeError) {
        return /unreachable/.test(error.message) ? ABORTED : TRAPPED;
    }
    if (error instanceof RangeError) {
        return TRAPPED; // the stack ran out
    }
    throw error;
}

// What the module can ask of us.
const next = { ...process.env };
let instance;
const bytes = (at, size) =>
    new Uint8Array(instance.exports.memory.buffer, at, size);

const own = {
    pass(at, size) {
        const [name, value] =
            Buffer.from(bytes(at, size)).toString().split("=");
        if (value === undefined) {
            delete next[name];
        } else {
            next[name] = value;
        }
    },

    run(at, size, seconds) {
        const ended = child_process.spawnSync(process.execPath,
            [...process.execArgv, ...process.argv.slice(1)], {
                env: next, timeout: seconds * 1000, killSignal: "SIGKILL",
                stdio: ["inherit", "inherit", at === 0 ? "inherit" : "pipe"],
            });
        if (at !== 0) {
            bytes(at, size).fill(0);
            bytes(at, size).set(ended.stderr.subarray(0, size - 1));
        }
        return ended.status ?? NOT_STARTED;
    },

    // The first bytes of the record that the module's export leads to.
    root(at, size) {
        const found = instance.exports.mheap_inspect_root();
        bytes(at, size).set(bytes(found, size));
    },
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "wasm-"));
const wasi = new WASI({
    version: "preview1", args: [file, ...process.argv.slice(3)],
    env: process.env, preopens: { "/": folder, ".": folder },
    returnOnExit: true,
});
let status;
try {
    instance = new WebAssembly.Instance(
        new WebAssembly.Module(fs.readFileSync(file)),
        { wasi_snapshot_preview1: wasi.wasiImport, mheap_test: own });
    status = wasi.start(instance);
} catch (error) {
    status = statusOf(error);
} finally {
    fs.rmSync(folder, { recursive: true });
}
process.exit(status);
