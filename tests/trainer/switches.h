#pragma once

#include <ostream>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "sweep/config.h"

namespace medley::tests {

/// A tiny model in double, whose gradients finite differences can check.
inline sweep::Config double_config() {
  sweep::Config config;
  config.encoders = {"a", "b", "c"};
  config.top_n = 2;
  config.projection_dim = 9;
  config.gate_dim = 4;
  config.fusion_dim = 8;
  config.hidden = 6;
  config.dropout = 0.25;
  config.temperature = 0.7;
  config.precision = sweep::Precision::kFloat64;
  return config;
}

/// One way of training: settings laid over a base config.
struct Switch {
  const char* name;
  const char* settings;  ///< JSON
};

/// Every switch of the model and its losses, alone and in the pairs that meet in the code.
inline constexpr Switch kSwitches[] = {
    {"scorer", R"({})"},
    {"query", R"({"gate": "query"})"},
    {"context", R"({"gate": "context"})"},
    {"noise_and_balance", R"({"gate_noise": 0.7, "balance_weight": 0.3})"},
    {"all", R"({"selection": "all"})"},
    {"random", R"({"selection": "random"})"},
    {"fixed", R"({"selection": "fixed"})"},
    {"threshold", R"({"selection": "threshold", "mass": 0.7})"},
    {"threshold_uniform", R"({"selection": "threshold", "mass": 0.6, "weights": "uniform"})"},
    {"sparsemax", R"({"weights": "sparsemax"})"},
    {"entmax15", R"({"weights": "entmax15", "selection": "all"})"},
    {"entmax15_threshold", R"({"weights": "entmax15", "selection": "threshold", "mass": 0.7})"},
    {"uniform", R"({"weights": "uniform"})"},
    {"uniform_random", R"({"weights": "uniform", "selection": "random"})"},
    {"uniform_all", R"({"weights": "uniform", "selection": "all"})"},
    {"cut", R"({"renormalise": false})"},
    {"sparsemax_cut", R"({"weights": "sparsemax", "renormalise": false})"},
    {"rank_concat", R"({"fusion": "rank-concat"})"},
    {"rank_concat_fixed", R"({"fusion": "rank-concat", "selection": "fixed", "weights": "uniform"})"},
    {"modality_concat", R"({"fusion": "modality-concat"})"},
    {"mean", R"({"fusion": "mean"})"},
    {"concat", R"({"fusion": "concat", "hidden": 7, "optimizer": "adam"})"},
    {"softmax_focal", R"({"head": "softmax", "focal_gamma": 2})"},
    {"set_ratio", R"({"head": "set-ratio", "label_smoothing": 0.1})"},
    {"set_ratio_cdan", R"({"head": "set-ratio", "adaptation": "cdan", "focal_gamma": 1})"},
    {"label", R"({"head": "label"})"},
    {"label_cdan_concat", R"({"head": "label", "adaptation": "cdan", "fusion": "concat", "hidden": 7})"},
    {"label_smooth", R"({"head": "label", "ratio_smoothing": 0.3, "label_smoothing": 0.1, "focal_gamma": 1.5})"},
    {"label_rdrop_mixup", R"({"head": "label", "ratio_smoothing": 0.3, "rdrop_weight": 0.8, "mixup": 0.4})"},
    {"alignment", R"({"alignment": true, "alignment_weight": 0.6})"},
    {"coral", R"({"adaptation": "coral"})"},
    {"mmd", R"({"adaptation": "mmd"})"},
    {"dann", R"({"adaptation": "dann"})"},
    {"cdan", R"({"adaptation": "cdan", "adaptation_target": "test"})"},
    {"cmd", R"({"adaptation": "cmd", "adaptation_moments": 4})"},
    {"moments", R"({"adaptation": "moments"})"},
    {"moments_of_test", R"({"adaptation": "moments", "adaptation_target": "test", "normalize": "actor"})"},
    {"coral_input", R"({"adaptation": "coral-input", "adaptation_target": "test"})"},
    {"coral_input_concat", R"({"adaptation": "coral-input", "fusion": "concat", "hidden": 7, "inner_fold": true})"},
    {"concat_dann", R"({"fusion": "concat", "hidden": 0, "adaptation": "dann"})"},
    {"float64", R"({"precision": "float64"})"},
    {"focal", R"({"focal_gamma": 1.5})"},
    {"mixup", R"({"mixup": 0.4})"},
    {"rdrop", R"({"rdrop_weight": 0.8})"},
    {"rdrop_mmd_mixup", R"({"rdrop_weight": 0.8, "adaptation": "mmd", "mixup": 2, "gate_noise": 0.2})"},
};

/// Those that are fitted and do not step.
inline constexpr Switch kFits[] = {
    {"lbfgs", R"({"fusion": "concat", "hidden": 0, "optimizer": "lbfgs"})"},
    {"lbfgs_moments", R"({"fusion": "concat", "hidden": 0, "optimizer": "lbfgs", "head": "softmax", "tune_decay": false,
                          "adaptation": "moments", "normalize": "actor"})"},
};

/// What GoogleTest prints of one.
inline void PrintTo(const Switch& switched, std::ostream* out) { *out << switched.name; }

inline std::string switch_name(const testing::TestParamInfo<Switch>& switched) { return switched.param.name; }

/// `config` with these settings.
inline sweep::Config with(sweep::Config config, const char* settings) {
  const nlohmann::json object = nlohmann::json::parse(settings);
  for (const auto& [name, value] : object.items()) {
    const sweep::Setting* setting = sweep::find_setting(name);
    if (!setting || !sweep::check_value(*setting, value).empty()) throw std::runtime_error("bad setting " + name);
    setting->set(config, value);
  }
  return config;
}

}  // namespace medley::tests
