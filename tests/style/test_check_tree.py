"""Tests of check_tree.py, on trees of a few lines."""

import pytest

import check_tree


def tree(root, **files):
    """Writes files; in a name, `__` stands for `/` and the last `_` for the dot."""
    for name, text in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        file = root / f"{stem}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def texts(root):
    return [str(problem) for problem in check_tree.check_tree(root)]


# --- arrows

@pytest.mark.parametrize("path, include, allowed", [
    ("src__http__a_cc", '"base/x.h"', True),
    ("src__http__a_cc", '"http/x.h"', True),
    ("src__http__a_cc", '"live/x.h"', False),
    ("src__base__a_cc", '"http/x.h"', False),
    ("src__live__a_cc", '"net/x.h"', False),
    ("src__net__a_cc", '"live/x.h"', True),
    ("src__net__a_cc", '"http/x.h"', False),
    ("src__serve__a_h", '"http/x.h"', True),
    ("src__serve__a_h", '"site/x.h"', False),
    ("src__app__a_cc", '"site/x.h"', True),
    ("tests__unit__http__a_test_cc", '"live/x.h"', False),
    ("tests__unit__live__a_test_cc", '"support/x.h"', True),
    ("src__http__a_cc", '"x.h"', False),
    ("src__http__a_cc", "<http/x.h>", False),
    ("src__http__a_cc", "<boost/asio/post.hpp>", False),
    ("src__http__a_cc", "<boost/beast/http/basic_parser.hpp>", True),
    ("src__http__a_cc", "<midstream/writer.h>", False),
    ("src__http__a_cc", "<midstream/errors.h>", True),
    ("src__live__a_cc", "<spdlog/spdlog.h>", False),
    ("src__app__a_cc", "<CLI/CLI.hpp>", True),
    ("include__midstream__a_h", "<midstream/writer.h>", True),
    ("include__midstream__a_h", '"base/x.h"', False),
    ("include__midstream__a_h", "<fmt/format.h>", False),
    ("include__midstream__a_h", "<boost/asio/post.hpp>", True),
    ("include__midstream__a_h", "<sys/socket.h>", True),
    ("include__midstream__errors_h", "<midstream/writer.h>", False),
    ("examples__tee__main_cc", '"live/x.h"', False),
])
def test_arrows(tmp_path, path, include, allowed):
    rooms = {f"src__{room}__x_h": "" for room in check_tree.ARROWS}
    root = tree(tmp_path, **rooms, **{path: f"#include {include}\n"})
    assert (texts(root) == []) == allowed


def test_a_directory_that_is_no_room(tmp_path):
    root = tree(tmp_path, src__attic__a_cc="int x;\n")
    assert "not a room" in texts(root)[0]


# --- banned calls

@pytest.mark.parametrize("path, line, allowed", [
    ("src__live__a_cc", "std::this_thread::sleep_for(x);", False),
    ("src__live__a_cc", "// sleep_for(x)", True),
    ("src__live__a_cc", 'log("sleep_for(x)");', True),
    ("src__live__a_cc", "usleep(3);  // style-ok: the kernel gives no event here", True),
    ("src__live__a_cc", "usleep(3);  // style-ok:", False),
    ("tests__unit__live__a_test_cc", "usleep(3);", True),
    ("src__live__a_cc", "int x = rand();", False),
    ("src__live__a_cc", "int x = grand(3);", True),
    ("src__live__a_cc", "std::sprintf(b, f);", False),
    ("src__live__a_cc", "std::snprintf(b, 3, f);", True),
    ("src__live__a_cc", "std::fprintf(stderr, f);", True),
    ("src__live__a_cc", "strcpy(a, b);", False),
    ("src__serve__a_cc", "std::cout << 1;", False),
    ("src__app__a_cc", "std::cout << 1;", True),
    ("tests__unit__live__a_test_cc", "using namespace std;", False),
    ("src__live__a_cc", "using namespace std::chrono_literals;", True),
    ("src__live__a_cc", "static_assert(sizeof(int) == 4);", True),
    ("src__live__a_cc", "assert(x);", False),
    ("src__live__a_cc", "thread.detach();", False),
    ("src__live__a_cc", "boost::system::system_category();", True),
])
def test_banned(tmp_path, path, line, allowed):
    root = tree(tmp_path, **{path: f"void f() {{\n{line}\n}}\n"})
    assert (texts(root) == []) == allowed


# --- functions

SOURCE = """\
// A brace { in a comment.
#define MACRO(x) do { } while (0)
namespace a::b {
namespace {
constexpr Row kRows[] = {
    {"one", 1, '{'},
};
}  // namespace
enum class Side : int { kOne,
                        kTwo };
struct Plain {
  int x{};
  int y = f({1});
  std::vector<int> z = {1, 2};
};
template <typename T>
class C : public Base<T> {
 public:
  explicit C(int x)
      : x_{x}, y_(std::move(x)) {
    g();
  }
  ~C() override { h(); }
  bool operator==(const C& other) const {
    return true;
  }
  int operator()(int x) const noexcept {
    return x;
  }
 private:
  int x_{0};
};
asio::awaitable<Result<int>> C::run(
    Options options = {}) {
  auto lambda = [&](int x) {
    return R"(})";
  };
  co_return 1'000'000;
}
template <typename T>
  requires std::integral<T>
auto twice(T x) -> T {
  return x + x;
}
const auto kCallback = [](int x) {
  return x;
};
extern "C" int entry(const char* data) {
  return 0;
}
TEST(Suite, Behaves) {
  f();
}
INSTANTIATE_TEST_SUITE_P(All, P, testing::ValuesIn(kRows));
TEST_P(P, Works) {
}
void last() {}
}  // namespace a::b
"""


def test_functions():
    assert list(check_tree.functions(SOURCE)) == [
        ("C", 19, 4),
        ("~C", 23, 1),
        ("operator==", 24, 3),
        ("operator()", 27, 3),
        ("C::run", 33, 7),
        ("twice", 40, 5),
        ("entry", 48, 3),
        ("Suite.Behaves", 51, 3),
        ("P.Works", 55, 2),
        ("last", 57, 1),
    ]


# --- lengths

def body(lines):
    return "void f() {\n" + "  g();\n" * (lines - 2) + "}\n"


def test_a_function_at_the_limit_is_fine(tmp_path):
    assert texts(tree(tmp_path, src__live__a_cc=body(check_tree.FUNCTION_LIMIT))) == []


def test_a_function_over_the_limit(tmp_path):
    found = texts(tree(tmp_path, src__live__a_cc=body(71)))
    assert len(found) == 1 and "src/live/a.cc:f: 71 lines" in found[0]


def test_a_file_over_the_limit(tmp_path):
    found = texts(tree(tmp_path, src__live__a_h="int x;\n" * 251))
    assert len(found) == 1 and "src/live/a.h: 251 lines" in found[0]


def test_ratchet(tmp_path):
    root = tree(tmp_path, src__live__a_cc=body(90), tests__style__lengths_txt="")
    assert len(texts(root)) == 1
    assert check_tree.check_tree(root, update=True) == []
    assert "   90 src/live/a.cc:f\n" in (root / check_tree.LENGTHS).read_text()
    tree(root, src__live__a_cc=body(91))
    assert "grown from 90 to 91" in texts(root)[0]
    tree(root, src__live__a_cc=body(80))
    assert "now 80 lines" in texts(root)[0]
    (root / "src/live/a.cc").unlink()
    assert "is gone" in texts(root)[0]
    assert check_tree.check_tree(root, update=True) == []


def test_overloads_are_counted_apart(tmp_path):
    found = texts(tree(tmp_path, src__live__a_cc=body(71) + body(72)))
    assert [":f: 71" in found[0], ":f#2: 72" in found[1]] == [True, True]


def test_beyond_the_hard_limit_line_1_says_why(tmp_path):
    root = tree(tmp_path, src__live__a_cc="int x;\n" * 601)
    check_tree.check_tree(root, update=True)
    assert "line 1 does not say why" in texts(root)[0]
    tree(root, src__live__a_cc="// Long because it is a table.\n" + "int x;\n" * 600)
    check_tree.check_tree(root, update=True)
    assert texts(root) == []


# --- foreign

@pytest.mark.parametrize("text, allowed", [
    ("see /wo" + "rk/shared/x", False),
    ("https://example.org/wo" + "rk/x", True),
    ("frame/wo" + "rk/", True),
    ("/tmp/bash" + "_jobs.0/x", False),
    ("cd /ro" + "ot/x", False),
])
def test_foreign(tmp_path, text, allowed):
    assert (texts(tree(tmp_path, docs__a_md=text + "\n")) == []) == allowed
