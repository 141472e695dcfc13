#!/usr/bin/env python3
"""What sentences.py, words.py and paths.py find and what they leave alone."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import paths
import sentences
import words


def measured(paragraphs, text):
    found = []
    for paragraph in paragraphs(text.splitlines()):
        found += [(one.line, one.words) for one in sentences.sentences("file", paragraph)]
    return found


class Sentences(unittest.TestCase):
    def test_split_at_full_stops_over_lines(self):
        text = "One two three. Four\nfive.\n\nSix."
        self.assertEqual(measured(sentences.markdown_paragraphs, text), [(1, 3), (1, 2), (4, 1)])

    def test_list_items_stand_alone(self):
        text = "Intro:\n\n- one two\n  three\n- four"
        self.assertEqual(measured(sentences.markdown_paragraphs, text), [(1, 1), (3, 3), (5, 1)])

    def test_code_tables_headings_and_front_matter_do_not_count(self):
        text = "---\nt: a b\n---\n# Head\n\n```sh\nrun a\n```\n\n| a | b |\n|---|---|\n\n    indented\n    + code\n\nWord."
        self.assertEqual(measured(sentences.markdown_paragraphs, text), [(16, 1)])

    def test_inline_code_and_a_link_are_their_words(self):
        text = "Run `a b c` as in [the page](docs/page.md)."
        self.assertEqual(measured(sentences.markdown_paragraphs, text), [(1, 6)])

    def test_abbreviations_do_not_end_a_sentence(self):
        self.assertEqual(measured(sentences.markdown_paragraphs, "A token, e.g. The one."), [(1, 5)])

    def test_comments_after_code_are_apart(self):
        text = "/// Two words.\nint a;  ///< three more words\nint b;  ///< one\n        ///< two"
        self.assertEqual(measured(sentences.comment_paragraphs, text), [(1, 2), (2, 3), (3, 2)])

    def test_a_url_in_a_string_is_no_comment(self):
        self.assertEqual(measured(sentences.comment_paragraphs, 'f("http://a/b c");'), [])


class Words(unittest.TestCase):
    PATTERN = words.pattern_of(["so many", "referee"])

    def hits(self, text, name="file.h"):
        return [match.group(1) for match in self.PATTERN.finditer(words.prose(name, text))]

    def test_whole_words_in_any_case(self):
        self.assertEqual(self.hits("Referee, so many; refereed, also manyfold"), ["Referee", "so many"])

    def test_over_a_line_of_a_comment_and_of_a_string(self):
        self.assertEqual(len(self.hits("/// so\n/// many\n# so\n# many\n\"so\"\n  \"many\"")), 3)

    def test_inline_code_of_a_page_does_not_count(self):
        self.assertEqual(self.hits("`referee` and referee", "page.md"), ["referee"])

    def test_rules_have_phrases_and_exceptions(self):
        rules = words.read_rules("# note\nso many = number of\nexcept a/b.md: so many\n")
        self.assertEqual(rules.instead, {"so many": "number of"})
        self.assertEqual(rules.exceptions, {("a/b.md", "so many")})


class Paths(unittest.TestCase):
    def test_a_path_may_lack_its_suffix_or_be_a_pattern(self):
        self.assertTrue(paths.leads_somewhere("tests/repository/paths"))
        self.assertTrue(paths.leads_somewhere("tests/repository/*.py"))
        self.assertFalse(paths.leads_somewhere("tests/repository/absent"))

    def test_only_inline_code_below_a_folder_is_a_path(self):
        self.assertEqual(paths.PATH.findall("`tests/a.h` `other/b.h` tests/c.h"), ["tests/a.h"])


if __name__ == "__main__":
    unittest.main()
