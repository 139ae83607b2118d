// The rule of the house, checked on the text: who may include whom (src/layers.txt), and which words stand where.
// The linker checks the first half again; this test says file, line and the missing permission.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace r1 {
namespace {

namespace fs = std::filesystem;

using Names = std::set<std::string>;
using Layers = std::map<std::string, Names>;  // folder -> folders that it may include
using Lines = std::vector<std::string>;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Lines lines_of(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

struct Rules {
  Layers layers;
  Lines violations;  // of the file itself: an arrow to a folder that is not below
};

Rules read_rules(const std::string& text) {
  Rules rules;
  for (const std::string& line : lines_of(text)) {
    const size_t colon = line.find(':');
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    const std::string folder = line.substr(0, colon);
    Names below;
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) {
      if (!rules.layers.contains(word)) {
        rules.violations.push_back("src/layers.txt: '" + folder + "' may include '" + word +
                                   "', which does not stand above it in the list");
      }
      below.insert(word);
    }
    rules.layers[folder] = below;
  }
  return rules;
}

// The same text with comments and the insides of string and character literals blanked, as asked; line breaks stay.
std::string blanked(const std::string& text, bool comments, bool literals) {
  std::string out = text;
  const auto blank = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end && i < out.size(); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
  };
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, 2, "//") == 0 || text.compare(i, 2, "/*") == 0) {
      const bool line = text[i + 1] == '/';
      const size_t end = text.find(line ? "\n" : "*/", i + 2);
      const size_t stop = end == std::string::npos ? text.size() : end + (line ? 0 : 2);
      if (comments) blank(i, stop);
      i = stop;
    } else if (text.compare(i, 2, "R\"") == 0) {
      const size_t open = text.find('(', i);
      if (open == std::string::npos) return out;
      const std::string close = ")" + text.substr(i + 2, open - i - 2) + "\"";
      const size_t end = text.find(close, open);
      if (literals) blank(open + 1, end);
      i = end == std::string::npos ? text.size() : end + close.size();
    } else if (text[i] == '"' ||
               (text[i] == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))) {
      size_t end = i + 1;  // 1'000 is no literal
      while (end < text.size() && text[end] != text[i] && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
      if (literals) blank(i + 1, end);
      i = end + 1;
    } else {
      ++i;
    }
  }
  return out;
}

struct Source {
  std::string path;  // "compute/cpu/matmul.cpp", from src/
  std::string text;

  std::string folder() const { return path.substr(0, path.find('/')); }
  bool is_test() const {  // x_cases.h: cases that several tests share
    return path.ends_with("_test.cpp") || path.ends_with("_test.h") || path.ends_with("_cases.h");
  }
  bool is_under(const std::string& prefix) const { return path.starts_with(prefix); }
};

class Inspector {
 public:
  Inspector(const Source& source, const Layers& layers) : source_(source), layers_(layers) {}

  Lines inspect() {
    if (!layers_.contains(source_.folder())) {
      complain(0, "the folder '" + source_.folder() + "' has no line in src/layers.txt");
      return found_;
    }
    const Lines lines = lines_of(blanked(source_.text, true, false));
    static const std::regex include(R"re(^\s*#\s*include\s*(["<])([^">]+)[">])re");
    for (size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(lines[i], match, include)) continue;
      if (match[1] == "\"") {
        check_own(i + 1, match[2]);
      } else {
        check_foreign(i + 1, match[2]);
      }
    }
    check_words();
    return found_;
  }

 private:
  void complain(size_t line, const std::string& what) {
    found_.push_back("src/" + source_.path + ":" + std::to_string(line) + ": " + what);
  }

  void check_own(size_t line, const std::string& path) {
    if (source_.is_test() && path.find('/') == std::string::npos) return;  // a header of tests/
    const std::string folder = source_.folder(), other = path.substr(0, path.find('/'));
    if (!layers_.contains(other) || path.find('/') == std::string::npos) {
      complain(line, "\"" + path + "\" is not a path from src/ (folder/file.h)");
    } else if (other != folder && other != "base" && !layers_.at(folder).contains(other)) {
      complain(line, "includes \"" + path + "\", but the line '" + folder + ":' of src/layers.txt does not name '" +
                         other + "'");
    }
    if ((path.starts_with("compute/cpu/") || path.starts_with("compute/cuda/")) && folder != "compute" &&
        !(path == "compute/cuda/stream.h" && source_.is_under("dist/nccl_group"))) {
      complain(line, "includes \"" + path + "\", which is private to compute/");
    }
  }

  // Headers of the system that only some files may see.
  void check_foreign(size_t line, const std::string& header) {
    struct Fence {
      std::regex headers;
      std::vector<std::string> allowed;
    };
    static const std::vector<Fence> fences = {
        {std::regex(R"((\w*intrin|cpuid|arm_\w+)\.h)"), {"compute/cpu/"}},
        {std::regex(R"((cuda|cublas|cudnn|cooperative_groups|mma|nvrtc|nccl).*)"),
         {"compute/cuda/", "dist/nccl_group"}},
        {std::regex(R"(boost/(asio|beast).*|curl/.*|sys/socket\.h|netinet/.*|arpa/.*|netdb\.h)"),
         {"serve/http", "hub/http_client"}},
        {std::regex(R"(spawn\.h)"), {"base/subprocess"}},
    };
    for (const Fence& fence : fences) {
      if (!std::regex_match(header, fence.headers)) continue;
      const bool allowed = std::any_of(fence.allowed.begin(), fence.allowed.end(),
                                       [&](const std::string& prefix) { return source_.is_under(prefix); });
      if (!allowed) complain(line, "includes <" + header + ">, which belongs to " + joined(fence.allowed) + " alone");
    }
  }

  void check_words() {
    static const Names without_cuda = {"models", "engine", "train"}, without_tape = {"models", "engine"};
    static const std::regex cuda("cuda", std::regex::icase), tape("(^|[^a-z])(tape|grad)([^a-z]|$)", std::regex::icase);
    static const std::regex start(
        R"((^|[^\w.>])(fork|vfork|posix_spawnp?|execv|execve|execvp|execvpe|execl|execle|execlp|fexecve|popen|system)\s*\()");
    // A message may say "cuda"; a comment may not. What starts a process is looked for in code alone.
    const Lines spoken = lines_of(blanked(source_.text, false, true)),
                code = lines_of(blanked(source_.text, true, true));
    for (size_t i = 0; i < spoken.size(); ++i) {
      if (without_cuda.contains(source_.folder()) && std::regex_search(spoken[i], cuda)) {
        complain(i + 1, "says 'cuda': " + source_.folder() + "/ does not know the device");
      }
      if (without_tape.contains(source_.folder()) && std::regex_search(spoken[i], tape)) {
        complain(i + 1, "says 'tape' or 'grad': " + source_.folder() + "/ does not know whether it is trained");
      }
      if (!source_.is_under("base/subprocess") && std::regex_search(code[i], start)) {
        complain(i + 1, "starts a process: that is for base/subprocess alone");
      }
    }
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " and ") + word;
    return text;
  }

  const Source& source_;
  const Layers& layers_;
  Lines found_;
};

Lines inspect(const Source& source, const Layers& layers) { return Inspector(source, layers).inspect(); }

// Permissions that no #include makes use of: an arrow must be needed to stand.
Lines unused_permissions(const std::vector<Source>& sources, const Layers& layers) {
  std::map<std::string, Names> used;
  static const std::regex include(R"re(^\s*#\s*include\s*"([^"/]+)/)re");
  for (const Source& source : sources) {
    for (const std::string& line : lines_of(blanked(source.text, true, false))) {
      std::smatch match;
      if (std::regex_search(line, match, include)) used[source.folder()].insert(match[1]);
    }
  }
  Lines found;
  for (const auto& [folder, below] : layers) {
    for (const std::string& other : below) {
      if (used[folder].contains(other)) continue;
      found.push_back("src/layers.txt: '" + folder + "' may include '" + other + "', and no file of it does");
    }
  }
  return found;
}

std::vector<Source> sources_of_the_house() {
  const fs::path root = fs::path(R1_SOURCE_DIR) / "src";
  static const Names kinds = {".h", ".cpp", ".cu", ".cuh", ".inc"};
  std::vector<Source> sources;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!kinds.contains(entry.path().extension().string())) continue;
    sources.push_back({fs::relative(entry.path(), root).generic_string(), text_of(entry.path())});
  }
  return sources;
}

TEST(House, KeepsItsRule) {
  const Rules rules = read_rules(text_of(fs::path(R1_SOURCE_DIR) / "src" / "layers.txt"));
  for (const std::string& violation : rules.violations) ADD_FAILURE() << violation;
  const std::vector<Source> sources = sources_of_the_house();
  EXPECT_GT(sources.size(), 20u);
  for (const Source& source : sources) {
    for (const std::string& violation : inspect(source, rules.layers)) ADD_FAILURE() << violation;
  }
  for (const std::string& violation : unused_permissions(sources, rules.layers)) ADD_FAILURE() << violation;
}

// The rule, tried on invented sources: a checker that never complains would pass the test above.

Lines inspect(const std::string& path, const std::string& text) {
  static const Layers layers =
      read_rules("base:\ntensor:\ntext:\ncompute: tensor\nmodels: tensor compute\nengine: models text\n").layers;
  return inspect(Source{path, text}, layers);
}

TEST(Layers, ArrowsPointDown) {
  EXPECT_EQ(read_rules("# comment\nbase:\na: b\nb:\n").violations,
            Lines{"src/layers.txt: 'a' may include 'b', which does not stand above it in the list"});
}

TEST(Layers, IncludesNeedPermission) {
  EXPECT_EQ(inspect("engine/a.cpp",
                    "#include \"engine/a.h\"\n#include \"base/error.h\"\n#include \"text/x.h\"\n#include <vector>\n"),
            Lines{});
  EXPECT_EQ(
      inspect("text/a.cpp", "\n  #  include \"tensor/x.h\" // why\n"),
      Lines{
          "src/text/a.cpp:2: includes \"tensor/x.h\", but the line 'text:' of src/layers.txt does not name 'tensor'"});
  EXPECT_EQ(inspect("text/a.cpp", "#include \"a.h\"\n"),
            Lines{"src/text/a.cpp:1: \"a.h\" is not a path from src/ (folder/file.h)"});
  EXPECT_EQ(inspect("cellar/a.cpp", ""),
            Lines{"src/cellar/a.cpp:0: the folder 'cellar' has no line in src/layers.txt"});
  EXPECT_EQ(inspect("text/a_test.cpp", "#include \"test_data.h\"\n"), Lines{});
  EXPECT_EQ(inspect("text/a.cpp", "#include \"test_data.h\"\n").size(), 1u);
  EXPECT_EQ(inspect("text/a.cpp", "// #include \"tensor/x.h\"\n/*\n#include \"tensor/x.h\"\n*/\n"), Lines{});
}

TEST(Layers, PermissionsAreUsed) {
  const Layers layers = read_rules("base:\ntensor:\ntext: tensor\nmodels: tensor text\n").layers;
  EXPECT_EQ(unused_permissions({{"text/a.cpp", "#include \"tensor/x.h\"\n"},
                                {"models/a.h", "#include \"text/x.h\"\n// #include \"tensor/x.h\"\n"}},
                               layers),
            Lines{"src/layers.txt: 'models' may include 'tensor', and no file of it does"});
}

TEST(Layers, KernelsArePrivate) {
  EXPECT_EQ(inspect("compute/a.cpp", "#include \"compute/cpu/kernels.h\"\n"), Lines{});
  EXPECT_EQ(inspect("models/a.cpp", "#include \"compute/cpu/kernels.h\"\n"),
            Lines{"src/models/a.cpp:1: includes \"compute/cpu/kernels.h\", which is private to compute/"});
}

TEST(Layers, SystemHeadersStayBehindTheirFence) {
  EXPECT_EQ(inspect("compute/cpu/simd.h", "#include <immintrin.h>\n#include <arm_neon.h>\n"), Lines{});
  EXPECT_EQ(inspect("tensor/a.cpp", "#include <immintrin.h>\n"),
            Lines{"src/tensor/a.cpp:1: includes <immintrin.h>, which belongs to compute/cpu/ alone"});
  EXPECT_EQ(inspect("tensor/a.cpp", "#include <arm_neon.h>\n").size(), 1u);
  EXPECT_EQ(inspect("compute/cuda/a.cu", "#include <cuda_runtime.h>\n"), Lines{});
  EXPECT_EQ(inspect("compute/a.cpp", "#include <cuda_runtime.h>\n").size(), 1u);
  EXPECT_EQ(
      inspect("base/a.cpp", "#include <boost/asio.hpp>\n#include <curl/curl.h>\n#include <sys/socket.h>\n").size(), 3u);
}

TEST(Layers, WordsStayWhereTheyBelong) {
  EXPECT_EQ(inspect("models/a.cpp", "x(\"rebuild with CUDA\");\n"), Lines{});
  EXPECT_EQ(inspect("models/a.cpp", "// on Cuda\n"),
            Lines{"src/models/a.cpp:1: says 'cuda': models/ does not know the device"});
  EXPECT_EQ(inspect("engine/a.cpp", "use(pass.tape);\nint x_grad;\n").size(), 2u);
  EXPECT_EQ(inspect("engine/a.cpp", "upgrade(); tapestry(); // gradual\n"), Lines{});
  EXPECT_EQ(inspect("compute/a.cpp", "cuda(tape, grad);\n"), Lines{});
}

TEST(Layers, OnlySubprocessStartsProcesses) {
  EXPECT_EQ(inspect("base/subprocess.cpp", "fork(); ::execve(a, b, c);\n"), Lines{});
  EXPECT_EQ(inspect("base/a.cpp", "if (::fork () == 0) execvp(a, b);\nstd::system(\"ls\");\n").size(), 2u);
  EXPECT_EQ(inspect("base/a.cpp", "// fork()\nfile_system(1); x.system(); \"system(\"; pitchfork();\n"), Lines{});
}

TEST(Layers, LiteralsAndCommentsAreTold) {
  EXPECT_EQ(blanked("a \"b // c\" d // e\n", true, false), "a \"b // c\" d     \n");
  EXPECT_EQ(blanked("a \"b\\\"c\" 'd' 1'000 \"e\"", false, true), "a \"    \" ' ' 1'000 \" \"");
  EXPECT_EQ(blanked("R\"x(a\"b)x\" c /* d\n e */ f", true, true), "R\"x(   )x\" c     \n      f");
}

}  // namespace
}  // namespace r1
