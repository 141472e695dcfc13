#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "tests/support/folder.h"
#include "worker/protocol/codec.h"
#include "worker/protocol/handshake.h"

namespace medley::protocol {
namespace {

sweep::TrialSpec spec() {
  sweep::TrialSpec trial;
  trial.id = "00112233aabbccdd";
  trial.config.encoders = {"clip", "wavlm"};
  trial.config.top_n = 2;
  trial.config.learning_rate = 0.0003;
  trial.fold = 3;
  trial.seed = std::numeric_limits<std::uint64_t>::max();
  return trial;
}

sweep::Usage usage() {
  sweep::Usage usage;
  usage.cpu = 3.75;
  usage.resident_bytes = std::int64_t{7} << 30;
  usage.gpu = sweep::Usage::Gpu{0.625, std::int64_t{20} << 30, std::int64_t{80} << 30};
  return usage;
}

NewEpoch new_epoch() {
  NewEpoch one{{"0123456789abcdef", 7}, {}};
  one.metrics.epoch = 4;
  one.metrics.learning_rate = 0.001;
  one.metrics.loss = 1.5;
  one.metrics.validation_loss = -0.25;
  one.metrics.terms = {{"presence", 1.25}, {"salience", 0.5}};
  one.metrics.validation = {0.5, 0.25};
  return one;
}

/// One of every message, every field away from its default.
std::vector<Message> all_messages() {
  const AttemptId a{"0123456789abcdef", 7};
  const AttemptId b{"fedcba9876543210", kMaxAttemptNumber};
  Hello hello;
  hello.instance = "0123456789abcdef0123456789abcdef";
  hello.host = "n1";
  hello.boot_id = "7c1f";
  hello.pid = 4711;
  hello.ranks = 2;
  hello.cores = 16;
  hello.memory_bytes = std::int64_t{1} << 40;
  hello.device = "cuda:0";
  hello.capacity = 128;
  hello.version = "0.2.0";
  hello.numerics = "1";
  hello.arithmetic = "0123456789abx2";
  hello.held = {{a, Held::Stage::kRunning, 3, 30}, {b, Held::Stage::kSpooled, 30, 30}};
  return {hello,
          Heartbeat{{{a, Held::Stage::kRunning, 4, 30}}, usage(), {new_epoch()}},
          Result{a, {0, 1, 2, 255}},
          AttemptFailed{b, "out of memory: “größe”", sweep::Blame::kDataset},
          Leave{"SIGTERM"},
          PackSize{b, 16},
          Welcome{99, 250, 60'000, "/data/checkpoints"},
          Assign{"/data/set", std::string(64, 'a'), std::string(64, 'b'), {{2, spec()}, {1, spec()}}},
          Cancel{{a, b}},
          Alive{},
          ResultReceived{a},
          Drain{},
          Dismiss{"the sweep is done"}};
}

TEST(Codec, EveryMessageComesBackAsItWas) {
  const auto messages = all_messages();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].index(), i);
    const Message back = decode(encode(messages[i]));
    ASSERT_EQ(back.index(), i);
    EXPECT_EQ(encode(back), encode(messages[i])) << message_name(messages[i]);
  }
  const auto hello = std::get<Hello>(decode(encode(messages[0])));
  EXPECT_EQ(hello.instance, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(hello.host, "n1");
  EXPECT_EQ(hello.boot_id, "7c1f");
  EXPECT_EQ(hello.pid, 4711);
  EXPECT_EQ(hello.ranks, 2);
  EXPECT_EQ(hello.cores, 16);
  EXPECT_EQ(hello.memory_bytes, std::int64_t{1} << 40);
  EXPECT_EQ(hello.device, "cuda:0");
  EXPECT_EQ(hello.capacity, 128);
  EXPECT_EQ(hello.version, "0.2.0");
  EXPECT_EQ(hello.numerics, "1");
  EXPECT_EQ(hello.arithmetic, "0123456789abx2");
  ASSERT_EQ(hello.held.size(), 2u);
  EXPECT_EQ(hello.held[1].attempt, (AttemptId{"fedcba9876543210", kMaxAttemptNumber}));
  EXPECT_EQ(hello.held[1].stage, Held::Stage::kSpooled);
  EXPECT_EQ(hello.held[0].stage, Held::Stage::kRunning);
  EXPECT_EQ(hello.held[0].epoch, 3);
  EXPECT_EQ(hello.held[0].epochs, 30);
  EXPECT_EQ(std::get<Result>(decode(encode(messages[2]))).bytes, (std::vector<std::uint8_t>{0, 1, 2, 255}));
  EXPECT_EQ(std::get<AttemptFailed>(decode(encode(messages[3]))).reason, "out of memory: “größe”");
  EXPECT_EQ(std::get<AttemptFailed>(decode(encode(messages[3]))).blame, sweep::Blame::kDataset);
  const auto measured = std::get<PackSize>(decode(encode(messages[5])));
  EXPECT_EQ(measured.attempt, (AttemptId{"fedcba9876543210", kMaxAttemptNumber}));
  EXPECT_EQ(measured.trials, 16);
  const auto welcome = std::get<Welcome>(decode(encode(messages[6])));
  EXPECT_EQ(welcome.lease, 99u);
  EXPECT_EQ(welcome.heartbeat_ms, 250);
  EXPECT_EQ(welcome.fencing_ms, 60'000);
  EXPECT_EQ(welcome.checkpoint_folder, "/data/checkpoints");
  const auto assign = std::get<Assign>(decode(encode(messages[7])));
  ASSERT_EQ(assign.trials.size(), 2u);
  EXPECT_EQ(assign.trials[0].attempt, 2);
  EXPECT_EQ(assign.trials[0].spec.seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(assign.trials[0].spec.fold, 3);
  EXPECT_EQ(sweep::canonical_text(assign.trials[0].spec.config), sweep::canonical_text(spec().config));
}

TEST(Codec, FoldAndSeedOfATrialAreWholeNumbersThatAreNotCut) {
  using nlohmann::json;
  const auto with = [](const char* key, const json& value) {
    json body = json::from_cbor(encode(Assign{"/data/set", "", "", {{1, spec()}}}));
    body[1]["trials"][0]["spec"][key] = value;
    return json::to_cbor(body);
  };
  EXPECT_EQ(std::get<Assign>(decode(with("fold", 7))).trials.at(0).spec.fold, 7);
  for (const json& value : {json(1e300), json(0.5), json(-1), json(std::int64_t{1} << 40), json("1")}) {
    EXPECT_THROW(decode(with("fold", value)), Error) << value;
  }
  for (const json& value : {json(1e300), json(0.5), json(-1), json("1")}) {
    EXPECT_THROW(decode(with("seed", value)), Error) << value;
  }
}

TEST(Codec, AHeartbeatTellsNewEpochsWithinLimits) {
  using nlohmann::json;
  const json body = json::from_cbor(encode(Heartbeat{{}, std::nullopt, {new_epoch()}}));
  const auto back = std::get<Heartbeat>(decode(json::to_cbor(body))).epochs;
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].attempt, (AttemptId{"0123456789abcdef", 7}));
  EXPECT_EQ(back[0].metrics.epoch, 4);
  EXPECT_EQ(back[0].metrics.learning_rate, 0.001);
  EXPECT_EQ(back[0].metrics.loss, 1.5);
  EXPECT_EQ(back[0].metrics.validation_loss, -0.25);
  EXPECT_EQ(back[0].metrics.validation.presence, 0.5);
  EXPECT_EQ(back[0].metrics.validation.salience, 0.25);
  ASSERT_EQ(back[0].metrics.terms.size(), 2u);
  EXPECT_EQ(back[0].metrics.terms[1].name, "salience");
  EXPECT_EQ(back[0].metrics.terms[1].value, 0.5);

  const auto with = [&](const std::string& pointer, const json& value) {
    json changed = body;
    changed[json::json_pointer("/1/epochs" + pointer)] = value;
    return json::to_cbor(changed);
  };
  const json epoch = body[1]["epochs"][0], term = epoch["terms"][0];
  EXPECT_NO_THROW(decode(with("", json(kMaxNewEpochs, epoch))));
  EXPECT_THROW(decode(with("", json(kMaxNewEpochs + 1, epoch))), Error);
  EXPECT_NO_THROW(decode(with("/0/terms", json(kMaxTerms, term))));
  EXPECT_THROW(decode(with("/0/terms", json(kMaxTerms + 1, term))), Error);
  EXPECT_THROW(decode(with("/0/terms/0/name", std::string(kMaxTermBytes + 1, 'x'))), Error);
  for (const json& value : {json(0), json(-1), json(kMaxEpoch + 1), json(1.5), json("4")}) {
    EXPECT_THROW(decode(with("/0/epoch", value)), Error) << value;
  }
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const char* number :
       {"/0/loss", "/0/validation_loss", "/0/rate", "/0/presence", "/0/salience", "/0/terms/0/value"}) {
    for (const double value : {nan, infinity, -infinity}) EXPECT_THROW(decode(with(number, value)), Error) << number;
  }
  EXPECT_THROW(decode(with("/0/presence", 1.01)), Error);
  EXPECT_THROW(decode(with("/0/salience", -0.01)), Error);
  EXPECT_THROW(decode(with("/0/surprise", 1)), Error);
}

TEST(Codec, OnlyEpochsThatTheOtherSideTakesAreSendable) {
  EXPECT_TRUE(is_sendable(new_epoch().metrics));
  for (double sweep::EpochMetrics::*number : {&sweep::EpochMetrics::loss, &sweep::EpochMetrics::validation_loss}) {
    NewEpoch one = new_epoch();
    one.metrics.*number = std::numeric_limits<double>::infinity();
    EXPECT_FALSE(is_sendable(one.metrics));
  }
  for (const sweep::LossTerm& term : {sweep::LossTerm{"x", std::numeric_limits<double>::quiet_NaN()},
                                      sweep::LossTerm{std::string(kMaxTermBytes + 1, 'x'), 0}}) {
    NewEpoch one = new_epoch();
    one.metrics.terms = {term};
    EXPECT_FALSE(is_sendable(one.metrics));
  }
}

TEST(Codec, AHeartbeatSaysWhatIsKnownOfItsHostAndNoMore) {
  const auto back = [](const Heartbeat& beat) { return std::get<Heartbeat>(decode(encode(beat))).usage; };
  const auto all = back({{}, usage()});
  ASSERT_TRUE(all && all->gpu);
  EXPECT_EQ(all->cpu, 3.75);
  EXPECT_EQ(all->resident_bytes, std::int64_t{7} << 30);
  EXPECT_EQ(all->gpu->busy, 0.625);
  EXPECT_EQ(all->gpu->memory_used_bytes, std::int64_t{20} << 30);
  EXPECT_EQ(all->gpu->memory_total_bytes, std::int64_t{80} << 30);
  sweep::Usage on_cpu = usage();
  on_cpu.gpu.reset();
  EXPECT_FALSE(back({{}, on_cpu})->gpu);
  EXPECT_FALSE(back({{}, std::nullopt}));
}

TEST(Codec, AHeartbeatWithNumbersThatCannotBeIsRefused) {
  using Gpu = sweep::Usage::Gpu;
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInfinite = std::numeric_limits<double>::infinity();
  const auto refuses = [](void (*spoil)(sweep::Usage&, double), double value) {
    sweep::Usage bad = usage();
    spoil(bad, value);
    EXPECT_THROW(decode(encode(Heartbeat{{}, bad})), Error) << value;
  };
  for (const double value : {kNaN, kInfinite, -kInfinite, -0.01, kMaxCores + 1.0}) {
    refuses([](sweep::Usage& u, double v) { u.cpu = v; }, value);
  }
  for (const double value : {kNaN, kInfinite, -kInfinite, -0.01, 1.01}) {
    refuses([](sweep::Usage& u, double v) { u.gpu->busy = v; }, value);
  }
  refuses([](sweep::Usage& u, double v) { u.resident_bytes = static_cast<std::int64_t>(v); }, -1);
  for (const Gpu& gpu : {Gpu{0, -1, 1}, Gpu{0, 0, -1}, Gpu{0, 2, 1}}) {
    sweep::Usage bad = usage();
    bad.gpu = gpu;
    EXPECT_THROW(decode(encode(Heartbeat{{}, bad})), Error) << gpu.memory_used_bytes;
  }
  sweep::Usage most = usage();
  most.cpu = kMaxCores;
  most.gpu = Gpu{1, 5, 5};
  EXPECT_NO_THROW(decode(encode(Heartbeat{{}, most})));
}

TEST(Codec, FrameHasItsLengthInFrontAndRefusesOthers) {
  const auto frame = encode_frame(Drain{});
  const std::uint8_t head[4] = {frame[0], frame[1], frame[2], frame[3]};
  EXPECT_EQ(decode_length(head), frame.size() - 4);
  EXPECT_THROW(decode_length({0, 0, 0, 0}), Error);
  EXPECT_THROW(decode_length({255, 255, 255, 255}), Error);
  EXPECT_EQ(decode_length({0, 0, 1, 0}), 256u);
  EXPECT_THROW(decode_length({0, 0, 1, 0}, 255), Error);
}

TEST(Codec, ASpoiltMessageIsAnErrorOrAnotherMessageNeverACrash) {
  std::mt19937 random(1);
  const auto messages = all_messages();
  int errors = 0, others = 0;
  for (const Message& message : messages) {
    const auto good = encode(message);
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
      EXPECT_THROW(decode({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut)}), Error);
    }
    for (int i = 0; i < 3000; ++i) {
      auto bad = good;
      const int flips = 1 + static_cast<int>(random() % 4);
      for (int f = 0; f < flips; ++f) bad[random() % bad.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
      try {
        encode(decode(bad));
        ++others;
      } catch (const Error&) {
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 10'000);
  EXPECT_GT(others, 100);  // e.g. another digit in a text: the flips reach past the outermost check
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::uint8_t> noise(random() % 64);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    EXPECT_THROW(decode(noise), Error);
  }
}

TEST(Codec, DepthAndCountAreBounded) {
  EXPECT_THROW(decode(std::vector<std::uint8_t>(8u << 20, 0x81)), Error);  // arrays in arrays: must not eat the stack
  std::vector<std::uint8_t> wide = {0x9a, 0x00, 0xff, 0xff, 0xff};         // 16 million nulls
  wide.resize(5 + 0xffffff, 0xf6);
  EXPECT_THROW(decode(wide), Error);
  for (const std::uint8_t byte :
       std::vector<std::uint8_t>{0x5f, 0x7f, 0x9f, 0xbf, 0x81, 0xc1}) {  // chunks in chunks, lists in lists, tags
    EXPECT_THROW(decode(std::vector<std::uint8_t>(200'000, byte)), Error) << int{byte};
  }
  EXPECT_THROW(decode({0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), Error);  // claims 2^63 entries
  EXPECT_THROW(decode({0x82, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), Error);
}

template <class M>
void expect_refused(const M& message) {
  EXPECT_THROW(decode(encode(message)), Error) << message_name(message);
}

TEST(Codec, ValuesOutsideTheirBoundsAreRefused) {
  const auto messages = all_messages();
  auto hello = std::get<Hello>(messages[0]);
  hello.instance = "../../../../../../etc/passwd01234";
  expect_refused(hello);
  hello = std::get<Hello>(messages[0]);
  hello.capacity = 0;
  expect_refused(hello);
  hello = std::get<Hello>(messages[0]);
  hello.host = std::string(kMaxNameBytes + 1, 'h');
  expect_refused(hello);
  hello = std::get<Hello>(messages[0]);
  hello.host = std::string("a\0b", 3);
  expect_refused(hello);
  for (const char* id : {"", "../../tmp/x", "0123456789ABCDEF", "0123456789abcdef0"}) {
    expect_refused(ResultReceived{{id, 1}});
  }
  for (const int number : {0, -1, kMaxAttemptNumber + 1}) expect_refused(ResultReceived{{"0123456789abcdef", number}});
  expect_refused(Leave{std::string(kMaxTextBytes + 1, 'x')});
  expect_refused(Assign{"/d", "f", "", {}});
  auto assign = std::get<Assign>(messages[7]);
  assign.trials[0].spec.config.learning_rate = 1e9;
  expect_refused(assign);
}

TEST(Codec, TextIsUtf8AndSendableTextMakesItSo) {
  for (const char* text : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x80"}) {
    expect_refused(Leave{text});
    EXPECT_NO_THROW(decode(encode(Leave{sendable_text(text)})));
  }
  EXPECT_EQ(sendable_text("€\xff\U0001F600"), "€?\U0001F600");
  EXPECT_EQ(sendable_text("€€", 5), "€");
  EXPECT_EQ(sendable_text(std::string("a\0b", 3)), "a?b");
}

TEST(Handshake, BothSidesProveThatTheyKnowTheToken) {
  const Token token = random_token();
  const ServerHandshake server(token);
  ClientHandshake client(token);
  const auto verdict = server.judge(client.respond(server.challenge()));
  ASSERT_TRUE(verdict.accepted);
  ASSERT_EQ(verdict.answer.size(), 1 + ClientHandshake::bytes_after(verdict.answer[0]));
  Bytes32 proof;
  std::copy_n(verdict.answer.begin() + 1, 32, proof.begin());
  EXPECT_TRUE(client.proves(proof));
  proof[31] ^= 1;
  EXPECT_FALSE(client.proves(proof));
  EXPECT_FALSE(ClientHandshake(random_token()).proves(proof));
}

TEST(Handshake, AWrongTokenIsRefusedWithTheReason) {
  const ServerHandshake server(random_token());
  ClientHandshake client(random_token());
  const auto verdict = server.judge(client.respond(server.challenge()));
  EXPECT_FALSE(verdict.accepted);
  EXPECT_NE(verdict.reason.find("wrong token"), std::string::npos);
  ASSERT_EQ(verdict.answer[0], 0);
  ASSERT_EQ(ClientHandshake::bytes_after(0), 1u);
  EXPECT_EQ(verdict.answer[1], verdict.reason.size());
  EXPECT_EQ(std::string(verdict.answer.begin() + 2, verdict.answer.end()), verdict.reason);
}

TEST(Handshake, AnotherVersionIsRefusedAndBothVersionsAreNamed) {
  const Token token = random_token();
  const ServerHandshake server(token, 12);
  ClientHandshake client(token, 34);
  const auto verdict = server.judge(client.respond(server.challenge()));
  EXPECT_FALSE(verdict.accepted);
  EXPECT_NE(verdict.reason.find("34"), std::string::npos);
  EXPECT_NE(verdict.reason.find("12"), std::string::npos);
}

TEST(Handshake, AResponseCannotBeReplayedReflectedOrMadeFromNoise) {
  const Token token = random_token();
  ClientHandshake client(token);
  const ServerHandshake first(token), second(token);
  const auto response = client.respond(first.challenge());
  ASSERT_TRUE(first.judge(response).accepted);
  EXPECT_FALSE(second.judge(response).accepted) << "replayed to another connection";

  // Whoever does not know the token opens a connection of its own as a worker and sends the coordinator's proof on.
  const auto accepted = first.judge(response).answer;
  auto reflected = response;
  std::copy_n(accepted.begin() + 1, 32, reflected.begin() + kChallengeBytes);
  EXPECT_FALSE(first.judge(reflected).accepted);

  for (std::size_t bit = 0; bit < 8 * kResponseBytes; ++bit) {
    auto spoilt = response;
    spoilt[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(first.judge(spoilt).accepted) << bit;
  }
  std::array<std::uint8_t, kChallengeBytes> noise{};
  EXPECT_THROW(client.respond(noise), Error);
  EXPECT_THROW(ClientHandshake::bytes_after(2), Error);
}

class TokenFile : public testing::Test {
 protected:
  const test::Folder scratch_;
  const std::filesystem::path folder_ = scratch_.path();
};

TEST_F(TokenFile, IsMadeOnceAndOnlyItsOwnerReadsIt) {
  const auto file = folder_ / "token";
  const Token token = read_or_create_token(file);
  EXPECT_EQ(token.secret.size(), 64u);
  EXPECT_EQ(read_or_create_token(file).secret, token.secret);
  EXPECT_EQ(read_token(file).secret, token.secret);
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "no draft is left";
}

TEST_F(TokenFile, IsRefusedWhenOthersMayReadItOrItIsNoToken) {
  const auto file = folder_ / "token";
  EXPECT_THROW(read_token(file), Error);
  read_or_create_token(file);
  chmod(file.c_str(), 0640);
  EXPECT_THROW(read_token(file), Error);
  chmod(file.c_str(), 0600);
  std::ofstream(file) << "hunter2\n";
  EXPECT_THROW(read_token(file), Error);
}

}  // namespace
}  // namespace medley::protocol
