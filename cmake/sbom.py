"""The bill of materials of the built programs, as SPDX 2.3 in its tag-value form, on standard output.

    sbom.py VERSION ROOT PROGRAM...

Shared libraries come from the dynamic linker, their packages from dpkg. Libraries of headers alone, and what the page holds, come
from the lists of ROOT: the packages of `dev`, and web/package-lock.json. A library of no package is named by its file.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

# Packages of `dev` whose code becomes a part of the programs without a shared library.
HEADERS = ("libboost-dev", "libcli11-dev", "nlohmann-json3-dev")
# What the page's bundle holds of web/package-lock.json; the other packages are tools.
BUNDLED = ("echarts", "zrender", "tslib", "preact")


def run(*words, check=True):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=check).stdout
    except FileNotFoundError:  # no Debian
        return ""


def libraries(program):
    """Real paths of the shared libraries that a program loads."""
    return {os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", run("ldd", program))}


def owners(files):
    """{file: name of its Debian package}, without those of none. A file may be listed below /lib too."""
    paths = {path: file for file in files for path in (file, file.replace("/usr/lib", "/lib", 1))}
    lines = run("dpkg-query", "--search", *paths, check=False).splitlines()
    found = (re.fullmatch(r"([^:,]+)\S*: (/.*)", line) for line in lines)
    return {paths[match.group(2)]: match.group(1) for match in found if match and match.group(2) in paths}


def debian(names):
    """{name: (version, architecture)} of the installed packages among them."""
    form = "${Package}\t${Version}\t${Architecture}\n"
    lines = run("dpkg-query", "--show", "--showformat", form, *names, check=False).splitlines()
    return {name: (version, machine) for name, version, machine in (line.split("\t") for line in lines)}


def address_of(name, version, machine):
    return f"pkg:deb/debian/{urllib.parse.quote(name)}@{urllib.parse.quote(version, safe='.-')}?arch={machine}"


def identifier(kind, name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{kind}-{name}")


def entry(reference, name, version, license, address=None):
    lines = [f"PackageName: {name}", f"SPDXID: {reference}", f"PackageVersion: {version}",
             "PackageDownloadLocation: NOASSERTION", "FilesAnalyzed: false", "PackageLicenseConcluded: NOASSERTION",
             f"PackageLicenseDeclared: {license}", "PackageCopyrightText: NOASSERTION"]
    return lines + ([f"ExternalRef: PACKAGE-MANAGER purl {address}"] if address else [])


def main(version, root, *programs):
    root = pathlib.Path(root)
    parts = {}  # {reference: (lines, how it is related)}
    loaded = set().union(*map(libraries, programs))
    owner = owners(loaded)
    known = debian({*owner.values(), *HEADERS})
    for library in loaded - set(owner):
        name = pathlib.Path(library).name
        parts[identifier("file", name)] = (entry(identifier("file", name), name, "NOASSERTION", "NOASSERTION"), "DYNAMIC_LINK")
    for name, (number, machine) in known.items():
        reference = identifier("deb", name)
        how = "CONTAINS" if name in HEADERS else "DYNAMIC_LINK"
        parts[reference] = (entry(reference, name, number, "NOASSERTION", address_of(name, number, machine)), how)
    lock = json.loads((root / "web" / "package-lock.json").read_text())["packages"]
    for name in BUNDLED:
        package = lock[f"node_modules/{name}"]
        reference = identifier("npm", name)
        address = f"pkg:npm/{name}@{package['version']}"
        parts[reference] = (entry(reference, name, package["version"], package.get("license", "NOASSERTION"), address), "CONTAINS")

    body = []
    for lines, _ in (parts[reference] for reference in sorted(parts)):
        body += lines + [""]
    relations = ["Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-medley"]
    relations += [f"Relationship: SPDXRef-medley {how} {reference}" for reference, (_, how) in sorted(parts.items())]
    content = "\n".join(body + relations)
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or int(datetime.datetime.now().timestamp())
    made = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha256(f"{version}\n{content}".encode()).hexdigest()[:16]
    head = ["SPDXVersion: SPDX-2.3", "DataLicense: CC0-1.0", "SPDXID: SPDXRef-DOCUMENT", f"DocumentName: medley-{version}",
            f"DocumentNamespace: https://spdx.org/spdxdocs/medley-{version}-{digest}", "Creator: Tool: medley-sbom",
            f"Created: {made}", ""]
    print("\n".join(head + entry("SPDXRef-medley", "medley", version, "MIT") + [""]) + "\n" + content)


if __name__ == "__main__":
    main(*sys.argv[1:])
