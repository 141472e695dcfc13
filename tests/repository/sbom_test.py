"""The bill of materials of a program names all that it loads. sbom_test.py ROOT PROGRAM"""

import os
import re
import subprocess
import sys
import unittest

ROOT, PROGRAM = sys.argv[1:3]


class Sbom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = cls.made()

    @classmethod
    def made(cls):
        words = [sys.executable, "-B", f"{ROOT}/cmake/sbom.py", "1.2.3", ROOT, PROGRAM]
        return subprocess.run(words, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, capture_output=True, text=True, check=True).stdout

    def test_it_is_the_same_again_and_of_the_time_given(self):
        self.assertEqual(self.text, self.made())
        self.assertIn("\nCreated: 2023-11-14T22:13:20Z\n", self.text)

    def test_relations_name_every_package_once(self):
        packages = re.findall(r"^SPDXID: (\S+)$", self.text, re.M)
        self.assertEqual(len(packages), len(set(packages)))
        related = re.findall(r"^Relationship: SPDXRef-medley \w+ (\S+)$", self.text, re.M)
        self.assertEqual(sorted(related), sorted(set(packages) - {"SPDXRef-DOCUMENT", "SPDXRef-medley"}))
        for line in self.text.splitlines():
            self.assertRegex(line, r"^$|^\w+: \S")
        for field in ("PackageVersion", "PackageDownloadLocation", "FilesAnalyzed", "PackageLicenseDeclared"):
            self.assertEqual(len(re.findall(rf"^{field}: ", self.text, re.M)), len(packages) - 1, field)

    def test_every_library_that_is_loaded_is_there(self):
        loaded = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout)
        self.assertGreater(len(loaded), 5)
        named = " ".join(re.findall(r"^PackageName: (\S+)$", self.text, re.M))
        for word in ("sqlite3", "yaml-cpp", "libssl", "cpp-httplib", "nlohmann-json3", "echarts", "libc6"):
            self.assertIn(word, named)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
