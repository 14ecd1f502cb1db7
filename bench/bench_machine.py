"""Names the machine a table was made on, without naming the host."""

import os
import platform
import re
import subprocess


def _first_match(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return None
    return match.group(1).strip() if match else None


def cpu_model():
    """The processor's own name, with family and model where a hypervisor has
    cut the name short."""
    name = _first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$")
    if name is None:
        return platform.machine()
    family = _first_match("/proc/cpuinfo", r"^cpu family\s*:\s*(\d+)$")
    model = _first_match("/proc/cpuinfo", r"^model\s*:\s*(\d+)$")
    if family and model and not re.search(r"\d", name):
        name += f" family {family} model {model}"
    return name


def slug(text):
    """Lower case letters and digits joined by dashes, fit for a file name."""
    cleaned = re.sub(r"\((r|tm|c)\)", " ", text.lower())
    return re.sub(r"[^a-z0-9]+", "-", cleaned).strip("-") or "unknown"


def compiler_of(build):
    """The compiler a build directory was configured with, by its first line."""
    path = None
    try:
        with open(os.path.join(build, "CMakeCache.txt"),
                  encoding="utf-8") as cache:
            for line in cache:
                if line.startswith("CMAKE_C_COMPILER:"):
                    path = line.split("=", 1)[1].strip()
    except OSError:
        pass
    try:
        output = subprocess.run([path or "cc", "--version"],
                                capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return output.stdout.splitlines()[0] if output.stdout else "unknown"


def memory_gib():
    kib = _first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)")
    return round(int(kib) / 1024 / 1024, 1) if kib else 0


def describe(build):
    """Everything about the machine that a reader needs to judge a number."""
    system = _first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]+)')
    huge = _first_match(
        "/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]")
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 0,
        "memory_gib": memory_gib(),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": system or "unknown",
        "libc": " ".join(platform.libc_ver()).strip(),
        "compiler": compiler_of(build),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "huge_pages": huge or "none",
        "load_at_start": round(os.getloadavg()[0], 2),
    }
