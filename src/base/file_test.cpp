#include "base/file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "folder_test.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

class Files : public FolderTest {
 protected:
  fs::path put(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
};

template <typename F>
std::pair<Exit, std::string> complaint(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return {error.exit(), error.what()};
  }
  return {Exit::kOk, ""};
}

TEST_F(Files, MapsAndMoves) {
  const fs::path path = put("a", "hello");
  MappedFile file(path);
  EXPECT_EQ(file.text(), "hello");
  MappedFile moved = std::move(file);
  EXPECT_EQ(moved.text(), "hello");
  EXPECT_EQ(moved.path(), path);
  moved = MappedFile(put("b", ""));
  EXPECT_EQ(moved.size(), 0u);
  EXPECT_EQ(moved.text(), "");
}

TEST_F(Files, ForgottenBytesReadTheSame) {
  const std::string content(100'000, 'x');
  const MappedFile file(put("a", content));
  EXPECT_EQ(file.text(), content);
  file.forget(file.bytes().subspan(1000, 60'000));
  file.forget({});
  EXPECT_EQ(file.text(), content);
}

TEST_F(Files, WhatCannotBeReadIsNamed) {
  const fs::path absent = folder_ / "absent";
  EXPECT_EQ(complaint([&] { MappedFile file(absent); }),
            (std::pair{Exit::kNotFound, absent.string() + ": cannot be opened: No such file or directory"}));
  EXPECT_EQ(complaint([&] { read_file(absent); }).first, Exit::kNotFound);
  EXPECT_EQ(complaint([&] { Lines lines(absent); }).first, Exit::kNotFound);
  EXPECT_EQ(complaint([&] { MappedFile file(folder_); }),
            (std::pair{Exit::kFailure, folder_.string() + ": is a folder, not a file"}));
  EXPECT_EQ(complaint([&] { read_file(folder_); }),
            (std::pair{Exit::kFailure, folder_.string() + ": is a folder, not a file"}));
  EXPECT_EQ(complaint([&] { Lines(folder_).next(); }).first, Exit::kFailure);
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(complaint([&] { MappedFile file(pipe); }),  // and does not wait for a writer
            (std::pair{Exit::kFailure, pipe.string() + ": is a pipe or device, not a file"}));
}

TEST_F(Files, KindsAreTold) {
  EXPECT_EQ(kind_of(folder_ / "absent"), FileKind::Nothing);
  EXPECT_EQ(kind_of(put("a", "x") / "below"), FileKind::Nothing);
  EXPECT_EQ(kind_of(folder_ / "a"), FileKind::File);
  EXPECT_EQ(kind_of(folder_), FileKind::Folder);
  EXPECT_EQ(kind_of("/dev/null"), FileKind::Other);
  fs::create_symlink("circle", folder_ / "circle");  // any user's; what may not be entered is open to root
  EXPECT_EQ(complaint([&] { kind_of(folder_ / "circle"); }),
            (std::pair{Exit::kNotFound,
                       (folder_ / "circle").string() + ": cannot be opened: Too many levels of symbolic links"}));
}

TEST_F(Files, ARegularFileIsNoPipe) {
  EXPECT_EQ(read_regular_file(put("a", "hello")), "hello");
  EXPECT_EQ(complaint([&] { read_regular_file(folder_ / "a", 4); }).first, Exit::kFailure);
  EXPECT_EQ(complaint([&] { read_regular_file(folder_ / "absent"); }).first, Exit::kNotFound);
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(complaint([&] { read_regular_file(pipe); }),
            (std::pair{Exit::kFailure, pipe.string() + ": is a pipe or device, not a file"}));
  EXPECT_EQ(complaint([&] { read_regular_file(folder_); }),
            (std::pair{Exit::kFailure, folder_.string() + ": is a folder, not a file"}));
}

TEST_F(Files, ReadsWholeFilesWithinTheLimit) {
  const std::string content(200'000, 'y');
  const fs::path path = put("a", content);
  EXPECT_EQ(read_file(path), content);
  EXPECT_EQ(read_file(path, content.size()), content);
  EXPECT_EQ(complaint([&] { read_file(path, content.size() - 1); }),
            (std::pair{Exit::kFailure, path.string() + ": is larger than the limit of 199999 bytes"}));
  EXPECT_FALSE(read_file("/proc/self/status").empty());                                  // has no size
  EXPECT_EQ(complaint([&] { read_file("/dev/zero", 1 << 20); }).first, Exit::kFailure);  // has no end
}

TEST_F(Files, WritesReplaceAtOnce) {
  const fs::path path = folder_ / "out";
  write_file(path, "first");
  EXPECT_EQ(read_file(path), "first");
  AtomicFile file(path);
  file.write("sec");
  file.write("ond");
  EXPECT_EQ(file.size(), 6u);
  EXPECT_EQ(read_file(path), "first");
  file.commit();
  EXPECT_EQ(read_file(path), "second");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, WhatIsNotCommittedLeavesNothing) {
  const fs::path path = folder_ / "out";
  write_file(path, "old");
  { AtomicFile(path).write("new"); }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, NewFilesHaveTheUsersMode) {
  const mode_t before = ::umask(027);
  write_file(folder_ / "out", "x");
  ::umask(before);
  EXPECT_EQ(fs::status(folder_ / "out").permissions(), fs::perms{0640});
}

TEST_F(Files, LinksAreFollowed) {
  const fs::path target = put("target", "old"), link = folder_ / "link";
  fs::create_symlink("target", link);
  write_file(link, "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_file(target), "new");
}

fs::perms permissions(const fs::path& path) { return fs::status(path).permissions(); }

TEST_F(Files, WhatReplacesAPrivateFileIsPrivate) {
  const fs::path path = put("secret", "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  {
    AtomicFile file(path);
    for (const auto& entry : fs::directory_iterator(folder_))  // from the first byte on
      EXPECT_EQ(permissions(entry), permissions(path)) << entry;
    file.write("new");
    file.commit();
  }
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(permissions(path), fs::perms::owner_read | fs::perms::owner_write);
  fs::permissions(path, fs::perms(0640));
  write_file(path, "newer");
  EXPECT_EQ(permissions(path), fs::perms(0640));
}

// A process killed before us may have had our number.
TEST_F(Files, LeftTemporariesAreSteppedOver) {
  const fs::path path = folder_ / "out";
  write_file(path, "x");  // the count is somewhere: the next names are taken from it on
  std::vector<fs::path> left;
  for (int n = 0; n < 100; ++n) left.push_back(put(fmt::format("out.tmp-{}-{}", ::getpid(), n), "left"));
  write_file(path, "new");
  EXPECT_EQ(read_file(path), "new");
  for (const fs::path& file : left) EXPECT_EQ(read_file(file), "left");
}

class Folders : public Files {};

TEST_F(Folders, AppearWhenTheyAreComplete) {
  const fs::path path = folder_ / "out";
  {
    AtomicFolder folder(path / "");
    write_file(folder.temporary() / "a", "1");
  }
  EXPECT_EQ(entries(), 0u);
  const mode_t umask_before = ::umask(027);
  AtomicFolder folder(path);
  write_file(folder.temporary() / "a", "1");
  ::umask(umask_before);
  EXPECT_FALSE(fs::exists(path));
  folder.commit();
  EXPECT_EQ(read_file(path / "a"), "1");
  EXPECT_EQ(permissions(path), fs::perms(0750));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Folders, AnEmptyOneIsFilled) {
  fs::create_directory(folder_ / "out");
  fs::permissions(folder_ / "out", fs::perms(0700));
  AtomicFolder folder(folder_ / "out");
  folder.commit();
  EXPECT_EQ(permissions(folder_ / "out"), fs::perms(0700));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Folders, OthersAreReplacedOnlyIfThatIsMeant) {
  const fs::path path = folder_ / "out";
  fs::create_directory(path);
  put("out/old", "1");
  EXPECT_EQ(complaint([&] { AtomicFolder folder(path); }).first, Exit::kFailure);
  fs::create_directory(folder_ / "out.new");  // somebody's own
  put("out.new/mine", "1");
  { AtomicFolder stopped(path, true); }
  EXPECT_EQ(read_file(path / "old"), "1");
  AtomicFolder folder(path, true);
  write_file(folder.temporary() / "new", "2");
  EXPECT_EQ(read_file(path / "old"), "1");
  folder.commit();
  EXPECT_EQ(read_file(path / "new"), "2");
  EXPECT_FALSE(fs::exists(path / "old"));
  EXPECT_EQ(read_file(folder_ / "out.new/mine"), "1");
  EXPECT_EQ(entries(), 2u);
}

TEST_F(Folders, WhatCannotBeReplacedStays) {
  const fs::path path = folder_ / "out";
  fs::create_directory(path);
  put("out/old", "1");
  AtomicFolder folder(path, true);
  fs::remove_all(folder.temporary());  // now the second step fails
  EXPECT_EQ(complaint([&] { folder.commit(); }).first, Exit::kFailure);
  EXPECT_EQ(read_file(path / "old"), "1");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, DevicesAreWrittenToAndNeverReplaced) {
  write_file("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  EXPECT_EQ(complaint([] { write_file("/dev/full", "x"); }),
            (std::pair{Exit::kFailure, std::string("/dev/full: cannot be written: No space left on device")}));
}

TEST_F(Files, WithoutSpaceTheOldFileStays) {  // a limit on file size stands in for a full disk
  const fs::path path = folder_ / "out";
  write_file(path, "old");
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {1 << 16, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto [exit, sentence] = complaint([&] { write_file(path, std::string(1 << 20, 'x')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(exit, Exit::kFailure);
  EXPECT_EQ(sentence, path.string() + ": cannot be written: File too large");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, AMissingFolderIsNamed) {
  const fs::path path = folder_ / "absent" / "out";
  EXPECT_EQ(complaint([&] { write_file(path, "x"); }),
            (std::pair{Exit::kFailure, path.string() + ": cannot be created: No such file or directory"}));
}

std::vector<std::string> all_lines(const fs::path& path) {
  std::vector<std::string> texts;
  for (Lines lines(path); lines.next();) texts.emplace_back(lines.text());
  return texts;
}

TEST_F(Files, LinesEndInManyWays) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(all_lines(put("a", "")), Texts{});
  EXPECT_EQ(all_lines(put("a", "\n")), Texts{""});
  EXPECT_EQ(all_lines(put("a", "x")), Texts{"x"});
  EXPECT_EQ(all_lines(put("a", "x\r\n\ny\r")), (Texts{"x", "", "y\r"}));
  EXPECT_EQ(all_lines(put("a", std::string("a\0b\n\nc\n", 7))), (Texts{std::string("a\0b", 3), "", "c"}));
}

TEST_F(Files, LinesKnowTheirPlace) {
  Lines lines(put("p.jsonl", "ab\r\n\ncde"));
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.number(), 1);
  EXPECT_EQ(lines.end(), 4u);
  EXPECT_TRUE(lines.terminated());
  EXPECT_EQ(lines.place(), (folder_ / "p.jsonl").string() + " line 1");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.end(), 5u);
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.text(), "cde");
  EXPECT_EQ(lines.number(), 3);
  EXPECT_EQ(lines.end(), 8u);
  EXPECT_FALSE(lines.terminated());
  EXPECT_FALSE(lines.next());
  EXPECT_FALSE(lines.next());
}

TEST_F(Files, LinesOfAnyLengthWithinTheLimit) {
  const std::string longest(300'000, 'z');
  EXPECT_EQ(all_lines(put("a", "x\n" + longest + "\ny")), (std::vector<std::string>{"x", longest, "y"}));
  const fs::path path = put("b", "x\n" + longest);
  Lines lines(path, 1000);
  EXPECT_TRUE(lines.next());
  EXPECT_EQ(complaint([&] { lines.next(); }),
            (std::pair{Exit::kFailure, path.string() + " line 2: is longer than the limit of 1000 bytes"}));
}

RC_GTEST_FIXTURE_PROP(Files, LinesJoinedAreTheFile, (const std::vector<std::string>& texts, bool terminated)) {
  std::string content;
  std::vector<std::string> expected;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string text = texts[i];
    for (char& c : text) {
      if (c == '\n' || c == '\r') c = ' ';
    }
    const bool last = i + 1 == texts.size();
    content += text + (last && !terminated ? "" : "\n");
    if (!(last && !terminated && text.empty())) expected.push_back(text);
  }
  RC_ASSERT(all_lines(put("a", content)) == expected);
}

TEST_F(Files, StandardInputIsADash) {
  const fs::path path = put("a", "one\ntwo");
  std::fflush(stdin);
  const int saved = ::dup(STDIN_FILENO);
  ASSERT_NE(std::freopen(path.c_str(), "r", stdin), nullptr);
  Lines lines("-");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.text(), "one");
  EXPECT_EQ(lines.place(), "standard input line 1");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.text(), "two");
  EXPECT_FALSE(lines.next());
  if (saved >= 0) {
    ::dup2(saved, STDIN_FILENO);
    ::close(saved);
  }
}

TEST_F(Files, LinesOfAPipeArriveAsTheyAreWritten) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream out(pipe);
    out << "fi" << std::flush << "rst\nsec" << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    out << "ond\n";
  });
  EXPECT_EQ(all_lines(pipe), (std::vector<std::string>{"first", "second"}));
  writer.join();
}

}  // namespace
}  // namespace r1
