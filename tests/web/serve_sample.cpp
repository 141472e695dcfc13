// Writes a sample store into a new folder and serves it until a line (or the end) is read: to look at the
// page.
//   web_serve_sample FOLDER [PORT [TOKEN [HOST...]]]
#include <chrono>
#include <iostream>
#include <string>

#include "storage/reader.h"
#include "tests/web/sample_control.h"
#include "tests/web/sample_store.h"
#include "web/server.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: web_serve_sample FOLDER [PORT [TOKEN [HOST...]]]\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  medley::test::SampleStore sample;
  if (!medley::storage::store_exists(folder)) {
    sample = medley::test::write_sample_store(folder, now.count());
    std::cout << "running " << sample.running << "\nfinished " << sample.finished << "\nhostile " << sample.hostile
              << "\ntrial " << sample.trial << "\nfailed " << sample.failed << "\ndiverged " << sample.diverged
              << "\nensemble " << sample.ensemble << "\nrunning_trial " << sample.running_trial << "\n";
  }
  medley::web::Options options;
  options.store = folder;
  if (argc > 2) options.port = std::stoi(argv[2]);
  if (argc > 3) options.token = argv[3];
  for (int i = 4; i < argc; ++i) options.hosts.emplace_back(argv[i]);
  medley::test::SampleControl control(sample);
  medley::web::Server server(options, &control);
  server.start();
  std::cout << server.url() << std::endl;
  std::string line;
  std::getline(std::cin, line);
}
