// Command network-policies enforces the NetworkPolicies of its node's pods, with iptables and ipset. It is kube-router's
// controller for that without the rest of kube-router: routes and services have programs of their own here.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

func main() {
	stopped, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := enforce(stopped.Done()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// enforce runs until it is stopped; the rules stay, so that a restart opens nothing.
func enforce(stop <-chan struct{}) error {
	settings := options.NewKubeRouterConfig()
	settings.EnableIPv4 = true

	where, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(where)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	iptables, ipsets, err := netpol.NewIPTablesHandlers(settings)
	if err != nil {
		return err
	}
	// It finds its node by the variable NODE_NAME.
	controller, err := netpol.NewNetworkPolicyController(
		client, settings, pods, policies, namespaces, &sync.Mutex{}, iptables, ipsets)
	if err != nil {
		return err
	}
	// Every change of these brings all of a node's rules anew: without a policy that is for nothing.
	needed := func(any) bool { return len(policies.GetIndexer().ListKeys()) > 0 }
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       cache.FilteringResourceEventHandler{FilterFunc: needed, Handler: controller.PodEventHandler},
		namespaces: cache.FilteringResourceEventHandler{FilterFunc: needed, Handler: controller.NamespaceEventHandler},
		policies:   controller.NetworkPolicyEventHandler,
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}

	// The controller waits until each beat of its heart is taken.
	heartbeats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range heartbeats {
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	controller.Run(heartbeats, stop, &running)
	running.Wait()
	return nil
}
