#include "storage/sweep_digest.h"

#include "sweep/digest.h"

namespace medley::storage {

std::string sweep_digest(Database& database, std::int64_t sweep) {
  sweep::Sha256 sha;
  const auto add = [&](const char* rows) {
    Statement all(database, rows);
    all.bind(sweep);
    while (all.step()) sha.add(all.text(0) + "\n");
  };
  add("SELECT quote(s.id) || quote(s.name) || quote(description) || quote(yaml) || quote(spec_file) || "
      "quote(d.fingerprint) || quote(dataset_name) || quote(partitions) || quote(s.folds) || quote(seeds) || "
      "quote(axes) || quote(families) || quote(grid_from) || quote(grid_points) || quote(head_fusion) || "
      "quote(reference) || quote(labels) || quote(search) || quote(s.test_fingerprint) "
      "FROM sweep s JOIN dataset d ON d.key = s.dataset WHERE s.key = ?");
  add("SELECT position || quote(c.id) || quote(axis_values) FROM sweep_config JOIN config c ON c.key = config "
      "WHERE sweep = ? ORDER BY position");
  // Trials have digests in their ids. Of which they are a sum is enough, and takes a twentieth of the time.
  add("SELECT count(*) || ',' || coalesce(sum(trial * (position % 1009 + 1)), 0) || ',' || "
      "coalesce(sum(round * (position % 1009 + 1)), 0) FROM sweep_trial WHERE sweep = ?");
  return sha.hex();
}

void sign_sweep(Database& database, std::int64_t sweep) {
  const std::string sha256 = sweep_digest(database, sweep);
  Statement sign(database, "UPDATE sweep SET sha256 = ? WHERE key = ?");
  sign.bind(sha256, sweep).run();
}

}  // namespace medley::storage
