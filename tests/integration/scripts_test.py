#!/usr/bin/env python3
"""scripts_test.py - every rule of scripts/check_*.py finds its violation.

Each test writes a small tree, sound but for one thing, and runs the script
over it. The sound tree must pass, or the rest would prove nothing.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get(
    "MHEAP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))

SOUND = {
    "include/mheap/mheap.h":
        "// mheap.h - the interface.\n#include <stddef.h>\n",
    "include/mheap/inspect.h":
        '// inspect.h - the layout.\n#include "mheap/mheap.h"\n',
    "include/mheap/version.h.in": "// version.h - the version.\n",
    "core/base/attr.h":
        "// attr.h - attributes.\n#if defined(__GNUC__)\n#endif\n",
    "core/sys/region.h": "// region.h - states.\n",
    "core/sys/sys.c":
        '// sys.c - the states.\n#include "platform/os.h"\n'
        '#include "core/sys/region.h"\n#include <string.h>\n',
    "core/page/palloc.h": "// palloc.h - pages.\n",
    "core/heap/hooks.h": "// hooks.h - what stands to the right.\n",
    "core/heap/heap.c":
        '// heap.c - the heap.\n#include "core/page/palloc.h"\n'
        '#include "platform/os_tls.h"\n#include "core/heap/hooks.h"\n',
    "core/prof/sampler.h":
        '// sampler.h - samples.\n#include "core/heap/hooks.h"\n',
    "core/api/mheap.c":
        '// mheap.c - the interface.\n#include "mheap/mheap.h"\n'
        '#include "mheap/version.h"\n#include "core/prof/sampler.h"\n',
    "core/api/override_malloc.c":
        "// override_malloc.c - malloc.\n#include <stdlib.h>\n",
    "platform/os.h": '// os.h - the seam.\n#include "core/base/attr.h"\n',
    "platform/os_thread.h":
        '// os_thread.h - threads.\n#include "platform/os.h"\n',
    "platform/os_tls.h":
        "// os_tls.h - the thread.\n#include MH_OS_TLS_HEADER\n",
    "platform/target.h": "// target.h - another process.\n",
    "platform/posix/posix_util.h": "// posix_util.h - shared.\n",
    "platform/linux/mem_linux.c":
        '// mem_linux.c - Linux.\n#include "platform/os.h"\n'
        '#include "platform/posix/posix_util.h"\n#include <sys/mman.h>\n'
        "#if defined(__linux__)\n#endif\n",
    "platform/sim/mem_sim.c":
        '// mem_sim.c - simulated.\n#include "core/sys/region.h"\n',
    "inspect/view.h":
        '// view.h - a view.\n#include "mheap/inspect.h"\n'
        '#include "platform/target.h"\n#include <stdio.h>\n',
    "tools/heapctl/heapctl.h":
        '// heapctl.h - the tool.\n#include "inspect/view.h"\n'
        "#include <json-c/json.h>\n",
    "tools/heapctl/run_child.c":
        "// run_child.c - starts it.\n#include <sys/wait.h>\n",
    "bench/bench_pair.c":
        "// bench_pair.c - pairs.\n#include <mheap/mheap.h>\n"
        "#include <pthread.h>\n",
    "bench/bench_micro_bits.c":
        '// bench_micro_bits.c - bits.\n#include "core/sys/region.h"\n',
    "tests/unit/sys_test.c":
        '// sys_test.c - tests.\n#include "core/api/any.h"\n' + "int x;\n" * 90,
}


class ScriptTest(unittest.TestCase):
    script = ""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for path, text in SOUND.items():
            self.write(path, text)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def add(self, path, text):
        """Appends to a file of the sound tree, or makes a sound new one."""
        start = SOUND.get(path, f"// {path.split('/')[-1]} - new.\n")
        self.write(path, start + text)
        return path

    def run_script(self, *arguments):
        return subprocess.run(
            [sys.executable, SOURCE / "scripts" / self.script,
             "--root", self.root, *arguments],
            capture_output=True, text=True, check=False)

    def assert_sound(self, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def assert_found(self, place, what, *arguments):
        """Exactly one violation, at this place, saying this."""
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        found = done.stdout.splitlines()[:-1]
        self.assertEqual(len(found), 1, done.stdout)
        self.assertTrue(found[0].startswith(place + ":"), done.stdout)
        self.assertIn(what, found[0])


class LayersTest(ScriptTest):
    script = "check_layers.py"

    def test_the_sound_tree_passes(self):
        self.assert_sound()

    def test_an_empty_tree_is_no_pass(self):
        empty = self.root / "empty"
        empty.mkdir()
        self.root = empty
        self.assertEqual(self.run_script().returncode, 1)

    def refused(self, path, include, what="may not include"):
        self.add(path, f"#include {include}\n")
        line = SOUND.get(path, "\n").count("\n") + 1
        self.assert_found(f"{path}:{line}", what)
        (self.root / path).unlink()
        if path in SOUND:
            self.write(path, SOUND[path])

    def test_a_lower_layer_never_includes_a_higher(self):
        self.refused("core/base/attr.h", '"core/sys/region.h"')
        self.refused("core/sys/sys.c", '"core/page/palloc.h"')
        self.refused("core/page/palloc.h", '"core/heap/hooks.h"')
        self.refused("core/heap/heap.c", '"core/prof/sampler.h"')
        self.refused("core/heap/hooks.h", '"core/prof/sampler.h"')

    def test_a_file_named_without_its_folder_is_looked_up_beside(self):
        self.add("core/heap/span.h", "")
        self.add("core/heap/heap.c", '#include "span.h"\n')
        self.assert_sound()

    def test_no_layer_climbs_out_by_a_relative_path(self):
        self.add("core/sys/sys.c", '#include "../page/palloc.h"\n')
        self.assert_found("core/sys/sys.c:5", "palloc.h")

    def test_only_sys_includes_the_seam_to_memory(self):
        for path in ("core/base/attr.h", "core/page/palloc.h",
                     "core/heap/heap.c", "core/api/mheap.c",
                     "inspect/view.h", "tools/heapctl/heapctl.h",
                     "bench/bench_pair.c", "include/mheap/mheap.h"):
            self.refused(path, '"platform/os.h"', "platform/os.h")

    def test_the_thread_pointer_is_for_heap_and_api(self):
        self.refused("core/sys/sys.c", '"platform/os_tls.h"')
        self.refused("core/page/palloc.h", '"platform/os_tls.h"')
        self.add("core/api/mheap.c", '#include "platform/os_tls.h"\n')
        self.assert_sound()

    def test_the_core_does_not_read_other_processes(self):
        self.refused("core/sys/sys.c", '"platform/target.h"')

    def test_seams_include_attr_only(self):
        self.refused("platform/os.h", '"core/sys/region.h"',
                     "only core/base/attr.h")
        self.refused("platform/os.h", '"platform/os_thread.h"')
        self.refused("platform/os.h", "<sys/mman.h>")

    def test_nobody_includes_the_inside_of_platform(self):
        for path in ("core/sys/sys.c", "inspect/view.h",
                     "tools/heapctl/heapctl.h"):
            self.refused(path, '"platform/posix/posix_util.h"')

    def test_a_stranger_in_platform_is_no_seam(self):
        self.add("platform/extra.h", "")
        self.refused("core/sys/sys.c", '"platform/extra.h"', "not one of")

    def test_backends_keep_to_themselves(self):
        self.refused("platform/linux/mem_linux.c", '"core/sys/region.h"')
        self.add("platform/sim/sim.h", "")
        self.refused("platform/linux/mem_linux.c", '"platform/sim/sim.h"')

    def test_public_headers_include_each_other_only(self):
        self.refused("include/mheap/mheap.h", '"core/base/attr.h"',
                     "each other")
        self.refused("include/mheap/mheap.h", "<stdlib.h>")

    def test_public_headers_are_for_api(self):
        self.refused("core/heap/heap.c", '"mheap/mheap.h"', "only core/api")

    def test_inspect_stays_below_sys(self):
        self.refused("inspect/view.h", '"core/sys/region.h"')
        self.refused("inspect/view.h", '"mheap/mheap.h"')
        self.refused("inspect/view.h", "<unistd.h>")

    def test_tools_start_programs_in_one_place_only(self):
        self.refused("tools/heapctl/heapctl.h", "<sys/wait.h>")
        self.refused("tools/heapctl/run_child.c", "<sys/ptrace.h>")
        self.refused("tools/heapctl/heapctl.h", '"core/heap/hooks.h"')

    def test_bench_sees_the_interface_only(self):
        self.refused("bench/bench_pair.c", '"core/sys/region.h"')

    def test_system_headers_stay_out_of_the_core(self):
        for name in ("<sys/mman.h>", "<unistd.h>", "<stdio.h>", "<stdlib.h>",
                     "<windows.h>", "<pthread.h>"):
            self.refused("core/sys/sys.c", name)
        self.refused("core/api/mheap.c", "<stdlib.h>")

    def test_spaces_in_a_directive_hide_nothing(self):
        self.add("core/sys/sys.c", "#  include   <unistd.h>\n")
        self.assert_found("core/sys/sys.c:5", "<unistd.h>")

    def test_an_include_in_a_comment_is_none(self):
        self.add("core/sys/sys.c", "// #include <unistd.h>\n")
        self.assert_sound()

    def test_a_computed_include_is_refused(self):
        self.refused("core/sys/sys.c", "MH_HEADER", "must be plain")

    def test_a_header_that_is_not_there_is_refused(self):
        self.refused("core/sys/sys.c", '"core/base/gone.h"', "does not exist")

    def test_an_unknown_layer_is_refused(self):
        self.add("core/fresh/fresh.c", '#include "core/base/attr.h"\n')
        self.assert_found("core/fresh/fresh.c:2", "no layer")
        self.add("core/fresh/fresh.c", "")
        self.add("core/loose.c", "")
        self.assert_found("core/loose.c:1", "no layer")

    def test_no_operating_system_is_named_in_a_conditional(self):
        for line in ("#ifdef __linux__", "#if defined(_WIN32)",
                     "#  ifndef __APPLE__", "#if X\n#elif defined(_AIX)",
                     "#if defined(X) || \\\n    defined(__unix__)",
                     "#if __FreeBSD__ > 1"):
            for path in ("core/heap/heap.c", "inspect/view.h",
                         "tools/heapctl/heapctl.h", "platform/os.h",
                         "include/mheap/mheap.h"):
                with self.subTest(line=line, path=path):
                    self.add(path, line + "\n#endif\n")
                    number = SOUND[path].count("\n") + 1 + (
                        1 if "#elif" in line else 0)
                    self.assert_found(f"{path}:{number}", "operating system")
                    self.write(path, SOUND[path])

    def test_compilers_and_processors_are_named_in_three_headers(self):
        for name in ("__GNUC__", "__clang__", "__x86_64__", "__aarch64__",
                     "__has_feature", "__SANITIZE_ADDRESS__", "_MSC_VER"):
            self.add("core/heap/heap.c", f"#if defined({name})\n#endif\n")
            self.assert_found("core/heap/heap.c:5", "compiler or processor")

    def test_a_feature_may_be_asked_for(self):
        self.add("core/heap/heap.c",
                 "#if MH_HAVE_MREMAP // set where __linux__ is\n#endif\n")
        self.assert_sound()


class StyleTest(ScriptTest):
    script = "check_style.py"

    def test_the_sound_tree_passes(self):
        self.assert_sound()
        self.assert_sound("--strict")

    def body(self, count):
        return "{\n" + "    call();\n" * count + "}\n"

    def test_a_function_of_seventy_lines_passes(self):
        self.add("core/heap/heap.c", "int f(int a) " + self.body(70))
        self.assert_sound()

    def test_a_function_of_seventy_one_lines_is_found(self):
        heads = ["int f(int a) ", "static void *f(void (*g)(int),\n"
                 "               int b) ", "START_TEST(f) ",
                 "void f(void) MH_ATTR(1) ", "#if A\nint f(int a) {\n#else\n"
                 "int f(long a) {\n#endif\n    if (a) "]
        for head in heads:
            with self.subTest(head=head):
                text = head + self.body(71)
                text += "}\n" if "#if" in head else ""
                self.add("core/heap/heap.c", text)
                done = self.run_script()
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("a function of 7", done.stdout)

    def test_braces_in_literals_and_comments_do_not_count(self):
        line = "    call('{', \"}{\\\"{\", '\\''); // {\n"
        self.add("core/heap/heap.c",
                 "int f(void) {\n" + line * 40 + "}\n"
                 "int g(void) {\n" + line * 40 + "}\n")
        self.assert_sound()

    def test_a_long_table_is_no_function(self):
        self.add("core/heap/heap.c",
                 "const int t[] = {\n" + "    1,\n" * 90 + "};\n"
                 "const struct s u = (struct s){\n" + "    1,\n" * 90 + "};\n"
                 "struct v {\n" + "    int a;\n" * 90 + "};\n"
                 "enum {\n" + "    A,\n" * 90 + "};\n")
        self.assert_sound()

    def test_a_linkage_block_hides_no_function(self):
        self.add("core/heap/heap.c",
                 'extern "C" {\nint f(int a) ' + self.body(71) + "}\n")
        self.assert_found("core/heap/heap.c:6", "71 lines")

    def test_an_exemption_needs_its_reason(self):
        mark = "// NOLINTNEXTLINE(readability-function-size)\n"
        text = mark + "int f(int a) " + self.body(71)
        self.add("core/heap/heap.c", "// One case per opcode.\n" + text)
        self.assert_sound()
        self.add("core/heap/heap.c", "int x;\n" + text)
        self.assert_found("core/heap/heap.c:7", "71 lines")

    def test_a_file_of_over_six_hundred_lines_says_why(self):
        self.add("core/page/palloc.h", "int a;\n" * 599)
        self.assert_sound()
        self.add("core/page/palloc.h", "int a;\n" * 600)
        self.assert_found("core/page/palloc.h:1", "601 lines")
        self.add("core/page/palloc.h",
                 "// Long because it is a table.\n" + "int a;\n" * 600)
        self.assert_sound()

    def test_nothing_is_left_to_do(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"):
            for path, start in (("core/heap/heap.c", "// "),
                                ("scripts/tool.py", "# "),
                                ("cmake/CMakeLists.txt", "# ")):
                with self.subTest(word=word, path=path):
                    self.add(path, f"{start}{word}: later\n")
                    line = (self.root / path).read_text().count("\n")
                    self.assert_found(f"{path}:{line}", "left to do")
                    self.write(path, SOUND.get(path, "x = 1\n"))

    def test_a_template_of_a_name_is_no_mark(self):
        self.add("core/heap/heap.c", 'char *t = "XX' 'XXXX";\n')
        self.assert_sound()

    def test_block_comments_are_found(self):
        self.add("core/heap/heap.c", "int a; /* why */\n")
        self.assert_found("core/heap/heap.c:5", "block comment")
        self.add("core/heap/heap.c", 'char *a = "/* no */"; // nor /* this\n')
        self.assert_sound()

    def test_tabs_blanks_and_a_missing_newline_are_found(self):
        self.add("core/heap/heap.c", "\tint a;\n")
        self.assert_found("core/heap/heap.c:5", "a tab")
        self.add("core/heap/heap.c", "int a; \n")
        self.assert_found("core/heap/heap.c:5", "blanks")
        self.add("core/heap/heap.c", "int a;\r\n")
        (self.root / "core/heap/heap.c").write_bytes(
            (SOUND["core/heap/heap.c"] + "int a;\r\n").encode())
        self.assert_found("core/heap/heap.c:5", "blanks")
        self.add("core/heap/heap.c", "int a;")
        self.assert_found("core/heap/heap.c:5", "no newline")

    def test_eighty_columns_in_c(self):
        self.add("core/heap/heap.c", "// " + "e" * 77 + "\n")
        self.assert_sound()
        self.add("core/heap/heap.c", "// " + "é" * 77 + "\n")
        self.assert_sound()
        self.add("core/heap/heap.c", "// " + "e" * 78 + "\n")
        self.assert_found("core/heap/heap.c:5", "81 columns")
        self.add("core/heap/heap.c", "// https://" + "e" * 90 + "\n")
        self.assert_sound()
        self.write("core/heap/heap.c", SOUND["core/heap/heap.c"])
        self.write("README.md", "e" * 200 + "\n")
        self.assert_sound()

    def test_a_name_is_taken_once(self):
        self.add("tests/support/heap.c", "")
        self.assert_found("tests/support/heap.c:1", "taken by core/heap/heap.c")

    def test_the_first_line_names_the_file(self):
        self.write("core/heap/heap.c", "// heap2.c - the heap.\n")
        self.assert_found("core/heap/heap.c:1", "the first line")
        self.write("core/heap/heap.c", "int a;\n")
        self.assert_found("core/heap/heap.c:1", "the first line")

    def test_a_page_size_is_no_number_in_the_core(self):
        for text in ("4096", "4096u", "4096UL", "0x1000"):
            self.add("core/heap/heap.c", f"int a = f({text});\n")
            self.assert_found("core/heap/heap.c:5", "page size")
        self.add("core/heap/heap.c",
                 "// 4096 here\nenum { MH_ENTRIES = 4096 };\nint a = 14096;\n")
        self.assert_sound()
        self.write("core/heap/heap.c", SOUND["core/heap/heap.c"])
        self.add("core/heap/size_class_table.h", "int a = f(4096);\n")
        self.add("inspect/view.h", "int a = f(4096);\n")
        self.assert_sound()

    def test_code_switched_off_is_found(self):
        self.add("core/heap/heap.c", "#if 0\nint a;\n#endif\n")
        self.assert_found("core/heap/heap.c:5", "switched off")

    def test_typedefs_of_tagged_types_are_found(self):
        for text in ("typedef struct span {", "typedef enum {",
                     "typedef union u {"):
            self.add("core/heap/heap.c", text + "\n")
            self.assert_found("core/heap/heap.c:5", "typedef")
        self.add("core/heap/heap.c", "typedef unsigned page_t;\n")
        self.assert_found("core/heap/heap.c:5", "_t")
        self.add("core/heap/heap.c",
                 "typedef struct {\n    int code;\n} mh_os_err;\n")
        self.assert_sound()

    def test_what_is_no_text_is_found(self):
        (self.root / "core/heap/odd.c").write_bytes(b"// odd.c - \xff\n")
        self.assert_found("core/heap/odd.c:1", "UTF-8")

    def test_golden_files_are_as_they_are(self):
        self.write("tests/golden/table.txt", "A\tB \n")
        self.assert_sound()

    def test_less_test_than_product_fails_when_strict(self):
        self.add("core/page/palloc.h", "int a;\n" * 200)
        self.assert_sound()
        self.assert_found("tests/", "fewer", "--strict")

    def test_what_git_ignores_is_not_looked_at(self):
        subprocess.run(["git", "init", "-q", self.root], check=True)
        self.write(".gitignore", "/out/\n")
        self.write("out/bad.c", "\t\n")
        self.assert_sound()
        self.write("core/heap/fresh.c", "int a;\n")
        self.assert_found("core/heap/fresh.c:1", "the first line")


class CommitsTest(ScriptTest):
    script = "check_commits.py"

    def git(self, *arguments, where=None):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org",
             "-c", "commit.gpgsign=false", *arguments],
            cwd=where or self.root, check=True, capture_output=True)

    def setUp(self):
        super().setUp()
        self.git("init", "-q", "-b", "main")
        self.commit("heap: hand spans back sooner")

    def commit(self, subject):
        self.git("commit", "-q", "--allow-empty", "-m", subject)

    def refused(self, subject, what):
        self.commit(subject)
        done = self.run_script()
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(what, done.stdout)
        self.git("reset", "-q", "--soft", "HEAD~1")

    def test_good_subjects_pass(self):
        self.commit("core/sys: " + "e" * 50)
        self.commit('Revert "heap: hand spans back sooner"')
        self.assert_sound()

    def test_bad_subjects_are_found(self):
        self.refused("Hand spans back sooner", "folder: summary")
        self.refused("Heap: hand spans back", "folder: summary")
        self.refused("heap:hand spans back", "folder: summary")
        self.refused("heap: hand spans back.", "full stop")
        self.refused("heap: " + "e" * 55, "61 characters")
        self.assert_sound()

    def test_merges_are_exempt(self):
        self.git("checkout", "-q", "-b", "side")
        self.commit("heap: one")
        self.git("checkout", "-q", "main")
        self.commit("heap: two")
        self.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
        self.assert_sound()

    def test_no_history_is_said_and_passes(self):
        self.commit("Nothing anybody can mend here")
        self.git("clone", "-q", "--depth", "1", f"file://{self.root}",
                 self.root / "shallow")
        self.root = self.root / "shallow"
        done = self.run_script()
        self.assertEqual(done.returncode, 0)
        self.assertIn("nothing checked", done.stdout)


if __name__ == "__main__":
    unittest.main()
