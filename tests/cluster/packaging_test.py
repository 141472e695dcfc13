"""Files of cluster/packaging, as far as a machine without Spack, EasyBuild, Apptainer and Lmod can check them.
packaging_test.py ROOT"""

import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import types
import unittest

ROOT = pathlib.Path(sys.argv[1])
PACKAGING = ROOT / "cluster" / "packaging"
VERSION = (ROOT / "VERSION").read_text().strip().split("-")[0]

# Commands of Environment Modules that a module file may use; they print what they were given.
MODULE_COMMANDS = """
foreach name {module-whatis conflict prepend-path setenv} { proc $name args "puts \\"$name \\$args\\"" }
source FILE
puts [info procs ModulesHelp]
"""


class Recorder(types.ModuleType):
    """A stand-in for `spack.package`: every directive is recorded."""

    def __init__(self):
        super().__init__("spack.package")
        self.said = {}
        self.CMakePackage = type("CMakePackage", (), {
            "define": lambda self, name, value: f"-D{name}={'ON' if value is True else 'OFF' if value is False else value}",
            "define_from_variant": lambda self, name, variant: self.define(name, f"+{variant}" in self.spec)})
        self.when = lambda condition: contextlib.nullcontext()
        self.find = lambda folder, name: [f"{folder}/torch/share/cmake/Torch/{name}"]
        for directive in ("license", "version", "variant", "depends_on", "generator"):
            setattr(self, directive, lambda *words, _name=directive, **more: self.said.setdefault(_name, []).append((words, more)))


class Spec(str):
    prefix = types.SimpleNamespace(lib="/torch/lib")

    def __getitem__(self, key):
        return self


def options():
    """Options of our CMake files."""
    files = [ROOT / "cmake" / "options.cmake", ROOT / "cmake" / "cuda.cmake", ROOT / "web" / "CMakeLists.txt"]
    return {name for file in files for name in re.findall(r"option\((MEDLEY_\w+)", file.read_text())}


class Packaging(unittest.TestCase):
    def test_the_spack_recipe_names_options_and_this_version(self):
        recorder = Recorder()
        sys.modules["spack"], sys.modules["spack.package"] = types.ModuleType("spack"), recorder
        names = {}
        exec(compile((PACKAGING / "spack/packages/medley/package.py").read_text(), "package.py", "exec"), names)
        self.assertEqual([words[0] for words, _ in recorder.said["version"]], [VERSION])
        needed = {words[0].split("@")[0].split("+")[0] for words, _ in recorder.said["depends_on"]}
        self.assertLessEqual({"boost", "cli11", "cpp-httplib", "libzip", "mpi", "openssl", "py-torch", "sqlite", "yaml-cpp"}, needed)
        package = names["Medley"]()
        for spec in ("+worker+cuda+page", "+worker", "+page"):
            package.spec = Spec(spec)
            given = dict(re.match(r"-D(\w+)=(.*)", argument).groups() for argument in package.cmake_args())
            self.assertLessEqual({name for name in given if name.startswith("MEDLEY_")}, options())
            self.assertEqual(given["MEDLEY_TRAINER"], "ON" if "+worker" in spec else "OFF")
            self.assertEqual(given.get("CMAKE_PREFIX_PATH"), "/torch/lib/torch/share" if "+worker" in spec else None)

    def test_the_easyconfig_names_options_this_version_and_what_is_installed(self):
        file = PACKAGING / f"Medley-{VERSION}-foss-2023b.eb"
        names = {"SYSTEM": {}}
        exec(compile(file.read_text(), file.name, "exec"), names)
        toolchain = names["toolchain"]
        self.assertEqual(file.name, f"{names['name']}-{names['version']}-{toolchain['name']}-{toolchain['version']}.eb")
        self.assertLessEqual(set(re.findall(r"-D(MEDLEY_\w+)", names["configopts"])), options())
        self.assertEqual(len(names["sources"]), len(names["checksums"]))
        self.assertIn("bin/medley-worker", names["sanity_check_paths"]["files"])

    def test_the_module_file_extends_the_paths_of_an_installed_tree(self):
        tclsh = shutil.which("tclsh")
        if not tclsh:
            self.skipTest("there is no tclsh")
        script = MODULE_COMMANDS.replace("FILE", str(PACKAGING / "modulefile"))
        said = subprocess.run([tclsh], input=script, capture_output=True, text=True)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertIn(f"prepend-path PATH /opt/medley/{VERSION}/bin\n", said.stdout)
        self.assertIn("ModulesHelp", said.stdout)

    def test_shell_parts_are_bash(self):
        definitions = sorted(PACKAGING.glob("*.def"))
        self.assertEqual(len(definitions), 2)
        scripts = [(PACKAGING / "coordinator.sbatch").read_text()]
        for definition in definitions:
            head, *sections = re.split(r"^%(\w+)$", definition.read_text(), flags=re.M)
            self.assertRegex(head, r"^Bootstrap: docker\nFrom: \S+\n")
            named = dict(zip(sections[::2], sections[1::2]))
            self.assertEqual(set(named), {"files", "post", "environment", "runscript", "test", "labels"})
            self.assertLessEqual(set(re.findall(r"-D(MEDLEY_\w+)", named["post"])), options())
            scripts += [named[name] for name in ("post", "environment", "runscript", "test")]
        for script in scripts:
            checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stderr), (0, ""), script)

    def test_packages_of_the_cuda_image_are_those_of_dev(self):
        dev = re.search(r"^packages=\((.*?)^\)", (ROOT / "dev").read_text(), re.M | re.S).group(1).split()
        image = re.search(r"no-install-recommends (.*?)\n    cd", (PACKAGING / "medley-worker-cuda.def").read_text(), re.S)
        mine = set(image.group(1).replace("\\", " ").split())
        tests = {"libgtest-dev", "libgmock-dev", "libbenchmark-dev"}
        torch = {"libtorch-dev", "libopenblas0-pthread", "ccache"}  # of the image; a build that happens once
        self.assertEqual(mine - {"nodejs", "npm", "libopenblas-pthread-dev"}, set(dev) - tests - torch)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
