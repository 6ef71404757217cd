#include "llmroute/runtime/key_ring.h"

#include <utility>

namespace llmroute::runtime {

KeyRing::KeyRing(const Inventory& inventory) {
  // A variable that a hundred deployments name is read once.
  std::map<std::string, std::size_t> shared;
  by_deployment_.reserve(inventory.deployments.size());
  for (const Deployment& deployment : inventory.deployments) {
    auto& keys = by_deployment_.emplace_back();
    for (const SecretSource& source : deployment.keys) {
      Slot slot;
      slot.source = source;
      std::size_t index = slots_.size();
      if (slot.reread()) index = shared.try_emplace(source.describe(), index).first->second;
      keys.push_back(index);
      if (index < slots_.size()) continue;
      if (!slot.reread()) slot.value = resolve_secret(source);
      slots_.push_back(std::move(slot));
    }
  }
  rebuild_scrubber();
}

std::vector<health::PoolKey> KeyRing::refresh(Instant now, bool always) {
  const std::lock_guard lock(mutex_);
  if (fresh_ && !always && now - read_at_ < kKeptFor) return {};
  fresh_ = true;
  read_at_ = now;
  bool changed = false;
  for (Slot& slot : slots_) {
    slot.changed = slot.reread() && replace(slot, resolve_secret(slot.source));
    changed = changed || slot.changed;
  }
  if (!changed) return {};
  rebuild_scrubber();
  return changed_keys();
}

std::vector<health::PoolKey> KeyRing::changed_keys() const {
  std::vector<health::PoolKey> found;
  for (std::size_t d = 0; d < by_deployment_.size(); ++d) {
    for (std::size_t k = 0; k < by_deployment_[d].size(); ++k) {
      if (!slots_[by_deployment_[d][k]].changed) continue;
      found.push_back({static_cast<DeploymentIndex>(d), static_cast<std::uint16_t>(k)});
    }
  }
  return found;
}

void KeyRing::expire() {
  const std::lock_guard lock(mutex_);
  fresh_ = false;
}

bool KeyRing::set(DeploymentIndex deployment, std::size_t key, Secret value) {
  const std::lock_guard lock(mutex_);
  if (deployment >= by_deployment_.size() || key >= by_deployment_[deployment].size()) return false;
  Slot& slot = slots_[by_deployment_[deployment][key]];
  if (slot.source.origin != SecretOrigin::callable) return false;
  Result<Secret> given = std::move(value);
  if (given->empty()) {
    given = make_error(ErrorKind::authentication, slot.source.describe() + " gave an empty key");
  }
  if (!replace(slot, std::move(given))) return false;
  rebuild_scrubber();
  return true;
}

bool KeyRing::replace(Slot& slot, Result<Secret> value) {
  if (value && slot.value && value->reveal() == slot.value->reveal()) return false;
  if (!value && !slot.value && value.error().message == slot.value.error().message) return false;
  if (slot.value) slot.previous = *slot.value;
  slot.value = std::move(value);
  return true;
}

Result<Secret> KeyRing::find(DeploymentIndex deployment, std::size_t key) const {
  const std::lock_guard lock(mutex_);
  if (deployment >= by_deployment_.size() || by_deployment_[deployment].empty()) return Secret();
  const auto& keys = by_deployment_[deployment];
  if (key >= keys.size()) return make_error(ErrorKind::authentication, "no such key in the pool");
  return slots_[keys[key]].value;
}

std::string KeyRing::scrub(std::string text) const {
  const std::lock_guard lock(mutex_);
  return scrubber_.scrub(std::move(text));
}

void KeyRing::rebuild_scrubber() {
  scrubber_ = Scrubber();
  for (const Slot& slot : slots_) {
    if (slot.value) scrubber_.add(*slot.value);
    scrubber_.add(slot.previous);
  }
}

}  // namespace llmroute::runtime
