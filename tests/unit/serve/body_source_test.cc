#include "serve/body_source.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace midstream::serve {
namespace {

// Counts those that live; of any size.
template <std::size_t kBytes>
class CountedSource final : public BodySource {
 public:
  explicit CountedSource(int& living) : living_(living) { ++living_; }
  CountedSource(const CountedSource&) = delete;
  CountedSource& operator=(const CountedSource&) = delete;
  ~CountedSource() override { --living_; }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return 0; }
  [[nodiscard]] Piece next(std::uint64_t) override { return {}; }

 private:
  int& living_;
  std::array<char, kBytes> ballast_{};
};

template <std::size_t kBytes>
void expect_each_ends_once() {
  int living = 0;
  {
    Body body;
    EXPECT_FALSE(body);
    body.emplace<CountedSource<kBytes>>(living);
    EXPECT_TRUE(body);
    EXPECT_EQ(living, 1);
    body.emplace<CountedSource<kBytes>>(living);
    EXPECT_EQ(living, 1) << "the one before is gone";
    body.reset();
    EXPECT_EQ(living, 0);
    EXPECT_FALSE(body);
    body.reset();
    body.emplace<CountedSource<kBytes>>(living);
  }
  EXPECT_EQ(living, 0);
}

TEST(Body, EndsWhatItHoldsExactlyOnce) {
  expect_each_ends_once<1>();     // in place
  expect_each_ends_once<1000>();  // on the heap
}

TEST(Body, GoesFromHeapToPlaceAndBack) {
  int living = 0;
  Body body;
  for (int i = 0; i < 3; ++i) {
    body.emplace<CountedSource<1000>>(living);
    EXPECT_EQ(living, 1);
    body.emplace<CountedSource<1>>(living);
    EXPECT_EQ(living, 1);
  }
  body.reset();
  EXPECT_EQ(living, 0);
}

TEST(TextSource, GivesItsTextWithinEveryLimit) {
  const std::string text = "a small text";
  for (std::uint64_t limit = 1; limit <= text.size() + 1; ++limit) {
    TextSource source(text);
    EXPECT_EQ(source.size(), text.size());
    std::string given;
    for (Piece piece = source.next(limit); piece.kind != Piece::Kind::kEnd;
         piece = source.next(limit)) {
      ASSERT_EQ(piece.kind, Piece::Kind::kMemory);
      EXPECT_LE(piece.memory.size(), limit);
      given += piece.memory;
      EXPECT_EQ(piece.after,
                given.size() == text.size() ? Piece::After::kEnd : Piece::After::kMore);
    }
    EXPECT_EQ(given, text);
  }
}

TEST(TextSource, OfAnEmptyTextEndsAtOnce) {
  TextSource source("");
  EXPECT_EQ(source.size(), 0U);
  EXPECT_EQ(source.next(100).kind, Piece::Kind::kEnd);
}

}  // namespace
}  // namespace midstream::serve
