#include "transport/memory_network.h"

#include <algorithm>
#include <utility>

#include "transport/memory_connection.h"

namespace millrace::inline v0 {

absl::StatusOr<std::string> MemoryNetwork::Reserve(HostPort address) {
  MutexLock lock(&mutex_);
  const bool any_port = address.port == 0;
  // A thousand addresses in a row that are taken: there are no free ones.
  for (int tries = 0; tries < 1000; ++tries) {
    if (any_port) address.port = std::max<uint16_t>(next_port_++, 1);
    std::string text = FormatHostPort(address);
    if (places_.try_emplace(text, nullptr).second) return text;
    if (!any_port) {
      return absl::AlreadyExistsError(ToAbsl(StrCat("cannot listen on ", text, ": the address is in use")));
    }
  }
  return absl::ResourceExhaustedError(ToAbsl(StrCat("cannot listen on ", address.host, ":0: no free port")));
}

void MemoryNetwork::Publish(const std::string& address, Place place) {
  auto shared = std::make_shared<const Place>(std::move(place));
  MutexLock lock(&mutex_);
  places_[address] = std::move(shared);
}

void MemoryNetwork::Remove(const ListenerState& listener) {
  std::shared_ptr<const Place> removed;  // destroyed after the lock is let go
  MutexLock lock(&mutex_);
  const auto at = places_.find(listener.address());
  if (at == places_.end() || at->second == nullptr || at->second->listener.get() != &listener) return;
  removed = std::move(at->second);
  places_.erase(at);
}

std::shared_ptr<const MemoryNetwork::Place> MemoryNetwork::Find(std::string_view address) const {
  MutexLock lock(&mutex_);
  const auto at = places_.find(address);
  return at == places_.end() ? nullptr : at->second;
}

std::string MemoryNetwork::NextClient(std::string_view host) {
  MutexLock lock(&mutex_);
  return StrCat(host, ":", next_client_++);
}

std::shared_ptr<MemoryPipe> MemoryNetwork::NewPipe(std::string_view from, std::string_view to) {
  auto pipe = std::make_shared<MemoryPipe>(env_.clock, rules_, std::string(from), std::string(to));
  if (rules_ == nullptr) return pipe;
  MutexLock lock(&mutex_);
  std::erase_if(pipes_, [](const std::weak_ptr<MemoryPipe>& known) { return known.expired(); });
  pipes_.push_back(pipe);
  return pipe;
}

bool MemoryNetwork::Blocked(std::string_view host, std::string_view target) const {
  if (rules_ == nullptr) return false;
  const std::shared_ptr<const Place> place = Find(target);
  const std::string other(place == nullptr ? HostOf(target) : std::string_view(place->host));
  return rules_->Blocked(host, other) || rules_->Blocked(other, host);
}

absl::StatusOr<MemoryNetwork::Link> MemoryNetwork::Connect(const std::shared_ptr<MemoryNetwork>& network,
                                                           std::string_view host, std::string_view target,
                                                           std::weak_ptr<PipeEnd> client) {
  const std::shared_ptr<const Place> place = network->Find(target);
  if (place == nullptr) return absl::UnavailableError("refused: nobody listens there");
  if (!place->listener->Admit(host).ok()) return absl::UnavailableError("the peer closed it at once");
  const Link link{.in = network->NewPipe(place->host, host),
                  .out = network->NewPipe(host, place->host),
                  .local_address = network->NextClient(host)};
  const auto server = std::make_shared<MemoryConnection>(network, place->connections, link.local_address,
                                                         place->listener, link.out, link.in);
  link.out->SetEnds(client, server);
  link.in->SetEnds(server, std::move(client));
  if (!place->connections->Add(server)) {
    place->listener->Released(host, absl::OkStatus());
    return absl::UnavailableError("refused: nobody listens there");
  }
  server->Start();
  return link;
}

void MemoryNetwork::Recheck() {
  std::vector<std::shared_ptr<MemoryPipe>> pipes;
  {
    MutexLock lock(&mutex_);
    for (const std::weak_ptr<MemoryPipe>& known : pipes_) {
      if (std::shared_ptr<MemoryPipe> pipe = known.lock()) pipes.push_back(std::move(pipe));
    }
  }
  for (const std::shared_ptr<MemoryPipe>& pipe : pipes) pipe->Recheck();
}

}  // namespace millrace::inline v0
