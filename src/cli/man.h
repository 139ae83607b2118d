// Manual pages in roff, made from what verbs declare; installed as r1(1), r1-run(1), ….
#pragma once

#include <string>

#include "cli/options.h"
#include "cli/verb.h"

namespace r1 {

std::string overview_page();                                        // r1.1; lists the others under SEE ALSO
std::string manual_page(const Verb& verb, const Options& options);  // r1-run.1

}  // namespace r1
