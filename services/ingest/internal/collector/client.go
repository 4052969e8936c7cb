package collector

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client is the address that a request comes from: of the hops that
// X-Forwarded-For tells of, the last that is no trusted proxy. What stands before
// it anybody could have written. The zero Addr stands for no address.
func (r *rules) client(h *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(h.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := plain(peer.Addr())
	if !contains(r.TrustedProxies, address) {
		return address
	}
	hops := strings.Split(strings.Join(h.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		next, ok := hopAddress(strings.TrimSpace(hop))
		if !ok {
			break
		}
		address = next
		if !contains(r.TrustedProxies, address) {
			break
		}
	}
	return address
}

// hopAddress reads a hop, which some proxies write with its port.
func hopAddress(hop string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return plain(address), true
	}
	if address, err := netip.ParseAddrPort(hop); err == nil {
		return plain(address.Addr()), true
	}
	return netip.Addr{}, false
}

// plain is an address as networks are written: IPv4 as such, and no zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// addressText is empty for no address.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
