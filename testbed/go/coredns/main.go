// Copyright 2026 Chandlery contributors
// License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

// CoreDNS with the plugins that the test bed's Corefile names, and without those for other clouds and services, which
// take minutes to build.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"

	"github.com/coredns/coredns/coremain"
)

func main() {
	coremain.Run()
}
