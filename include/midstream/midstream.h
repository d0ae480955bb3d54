// Everything of the library but <midstream/beast.h>, which needs Boost.Beast.
#pragma once

#include <midstream/error.h>
#include <midstream/follower.h>
#include <midstream/live_file.h>
#include <midstream/reader.h>
#include <midstream/send_file.h>
#include <midstream/version.h>
#include <midstream/writer.h>
