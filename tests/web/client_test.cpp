// The client against the real server, and against what is none.
#include "web/client.h"

#include <filesystem>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/writer.h"
#include "tests/support/folder.h"
#include "web/server.h"

namespace medley::web {
namespace {

/// A port of this host on which one connection is answered with `text`.
class Stranger {
 public:
  explicit Stranger(const std::string& text) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_, 1);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    answering_ = std::thread([this, text] {
      const int peer = ::accept(socket_, nullptr, nullptr);
      char request[4096];
      (void)!::recv(peer, request, sizeof request, 0);
      (void)!::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
      ::close(peer);
    });
  }
  ~Stranger() {
    answering_.join();
    ::close(socket_);
  }
  std::string url;

 private:
  int socket_ = -1;
  std::thread answering_;
};

std::string refusal(const std::string& url) {
  try {
    ask(url, "secret", "plan", nlohmann::json::object());
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Client, AnAnswerOfTheServerComesWithItsStatusAlsoWhenItRefuses) {
  const test::Folder scratch;
  const std::filesystem::path folder = scratch.path();
  { const storage::Writer made(folder); }
  Server server({folder, "127.0.0.1", 0, "secret"}, nullptr);
  server.start();
  const std::string url = server.url();
  const Answered wrong = ask(url, "guessed", "plan", nlohmann::json::object());
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.body["error"], "A change needs the token that the server printed.");
  const Answered refused = ask(url, "secret", "plan", nlohmann::json::object());
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body["error"],
            "This server only shows the store: changes go through its coordinator's (medley serve).");
  EXPECT_THROW(done(refused), Error);
  EXPECT_EQ(nlohmann::json::parse(fetch(url, "", "ensembles"))["ensembles"], nlohmann::json::array());
  try {
    fetch(url, "", "exports/7/archive.zip");
    FAIL() << "there is none";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "There is no export with this id in the store.");
  }
  server.stop();
  EXPECT_NE(refusal(url).find("does not answer at " + url), std::string::npos) << refusal(url);
  std::filesystem::remove_all(folder);
}

TEST(Client, WhatIsNoMedleyIsNamed) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"}) {
    const Stranger stranger(text);
    EXPECT_EQ(refusal(stranger.url), "What answers at " + stranger.url + " is no Medley (status 200).");
  }
  const Stranger babbling("SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_NE(refusal(babbling.url).find("does not answer at " + babbling.url), std::string::npos);
}

}  // namespace
}  // namespace medley::web
